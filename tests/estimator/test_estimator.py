import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV

import ntm_fast
from ntm_fast import Corpus, NeuralTopicModel, ProdLDA, metrics
from tests.estimator.common import CORPUS, NAMED, QUICK, X
from tests.helpers.blocks import blocks_of

LEARN = {"batch_size": 32, "learning_rate": 0.01, "validation_fraction": 0.0}


@NAMED
def test_known_topics_are_recovered(kind: Any) -> None:
    if kind is ntm_fast.NVDM:
        pytest.skip("has no topics, only directions")
    # A mixture may end in a local optimum, two topics on one block; of two starts, as users do,
    # the one with the better bound is taken.
    settings = {"epochs": 30, "hidden": (100,) if kind is ntm_fast.ETM else None, **LEARN}
    if kind.__name__.startswith("Published"):
        settings = {"epochs": 100, "batch_size": 20}  # at the published rate, which is small
    seeds = (0, 1) if kind in (ntm_fast.NVLDA, ntm_fast.LDAVAE) else (0,)
    starts = [kind(4, random_state=seed, **settings).fit(CORPUS) for seed in seeds]
    model = max(starts, key=lambda start: start.score(CORPUS))
    ids = metrics.top_words(model.components_, 8)
    blocks = blocks_of(ids)
    assert all(len(block) == 1 for block in blocks)
    assert set.union(*blocks) == {0, 1, 2, 3}
    # The topic that leads a document is the one it was made of.
    leader = [blocks[k].copy().pop() for k in model.transform(CORPUS).argmax(1)]
    assert np.mean([str(k) == label for k, label in zip(leader, CORPUS.labels, strict=True)]) > 0.95
    assert model.perplexity(CORPUS) < 25  # 40 for guessing, about 11 for the truth


def test_nvdm_tells_words() -> None:
    model = ntm_fast.NVDM(4, epochs=20, random_state=0, hidden=(100,), em_steps="none", **LEARN)
    model.fit(CORPUS)
    assert model.perplexity(CORPUS) < 25
    codes = model.model_.topic_codes(CORPUS).numpy()
    words = model.word_probabilities(codes).reshape(300, 4, 10).sum(2)
    assert np.mean(words.argmax(1) == np.array(CORPUS.labels, dtype=int)) > 0.95


def test_a_vectorisers_vocabulary_names_the_columns() -> None:
    texts = ["zebra apple", "apple mango mango", "mango zebra"]
    vectoriser = CountVectorizer()  # its vocabulary_ is in the order in which words were met
    counts = vectoriser.fit_transform(texts)
    model = ProdLDA(2, **QUICK).fit(counts, vocabulary=vectoriser.vocabulary_)
    assert model.vocabulary_ == ("apple", "mango", "zebra")


def test_threads_that_fit_at_once_give_the_same_bits() -> None:
    counts = sp.random(20, 30_000, density=0.001, format="csr", random_state=0)
    with ThreadPoolExecutor(4) as pool:
        fits = pool.map(lambda _: ProdLDA(8, epochs=0, random_state=0).fit(counts), range(12))
        first, *others = [fit.components_ for fit in fits]
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, torch.tensor])
def test_given_word_embeddings_stay(tmp_path: Path, form: Any) -> None:
    given = np.random.default_rng(0).normal(size=(40, 6))
    model = ntm_fast.ETM(4, embeddings=form(given), **QUICK).fit(X)
    np.testing.assert_allclose(model.model_.decoder.embeddings.words.detach(), given, rtol=1e-6)
    model.save(tmp_path / "etm")
    loaded = ntm_fast.ETM.load(tmp_path / "etm")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    again = clone(loaded).fit(X)
    np.testing.assert_allclose(again.components_, model.components_, rtol=1e-5)
    for wrong, shape in ((given[1:], r"\(39, 6\)"), (given[0], r"\(6,\)"), ("ρ.npy", r"\(\)")):
        with pytest.raises(ValueError, match=rf"embeddings has shape {shape}; expected"):
            ntm_fast.ETM(4, embeddings=wrong, **QUICK).fit(X)


@pytest.mark.parametrize("kind", [ProdLDA, ntm_fast.LDAVAE, ntm_fast.WHAI])
def test_sparse_dense_and_corpus_give_one_model(kind: Any) -> None:
    dense = X.toarray()
    models = [
        kind(4, **QUICK).fit(given)
        for given in (
            CORPUS,
            X,
            sp.coo_array(X),
            dense,
            dense.astype(np.float64),
            dense.astype(int),
        )
    ]
    for model in models[1:]:
        np.testing.assert_array_equal(models[0].components_, model.components_)
        np.testing.assert_array_equal(models[0].transform(X), model.transform(dense))


@NAMED
def test_results_have_the_promised_shape(kind: Any) -> None:
    model = kind(4, **QUICK)
    theta = model.fit_transform(X)
    assert theta.shape == (300, 4)
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    assert model.transform(X.astype(np.float32)).dtype == np.float32
    assert model.transform(X.astype(np.float64)).dtype == np.float64
    assert model.components_.shape == (4, 40)
    np.testing.assert_allclose(model.components_.sum(1), 1, rtol=1e-5)
    probabilities = model.word_probabilities(theta[:7])
    assert probabilities.shape == (7, 40)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert model.score(X) == pytest.approx(-np.log(model.perplexity(X, kind="per_word")))
    assert 1 < model.perplexity(X) < 80
    names = model.get_feature_names_out()
    assert names.tolist() == [f"{kind.__name__.lower()}{k}" for k in range(4)]


def test_words_and_names(fitted: ProdLDA) -> None:
    words = fitted.top_words(3)
    assert [len(topic) for topic in words] == [3] * 4
    assert fitted.vocabulary_ == CORPUS.vocabulary
    likeliest = fitted.top_words(1, relevance=1)
    assert likeliest[0][0] == CORPUS.vocabulary[fitted.components_[0].argmax()]
    named = ProdLDA(4, **QUICK).fit(X, vocabulary=CORPUS.vocabulary)
    assert named.top_words(3) == words
    assert ProdLDA(4, **QUICK).fit(X).vocabulary_ == tuple(map(str, range(40)))
    with pytest.raises(ValueError, match="n is 41; expected"):
        fitted.top_words(41)


def test_random_state_rules_all() -> None:
    one, same = (ProdLDA(4, **QUICK).fit(X).components_ for _ in range(2))
    other = ProdLDA(4, **{**QUICK, "random_state": 1}).fit(X).components_
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    ProdLDA(4, **QUICK).fit(X)
    assert torch.equal(before, torch.get_rng_state()), "the global generator is left alone"


def test_settings_reach_the_model() -> None:
    model = NeuralTopicModel(
        3,
        posterior="dirichlet",
        decoder="mixture",
        prior=0.3,
        kl_weight=2,
        kl_schedule="constant",
        **QUICK,
    ).fit(X)
    assert model.model_.settings.posterior == "dirichlet"
    assert model.model_.settings.prior == 0.3
    assert model.history_[-1].kl_weight == 2
    assert model.n_epochs_ == len(model.history_) == 2


def test_few_documents_are_learned_from_in_small_batches() -> None:
    sizes = []

    class Seen(ProdLDA):
        def _new_trainer(self, model: Any, recipe: Any, *rest: Any) -> Any:
            sizes.append(recipe.training.batch_size)
            return super()._new_trainer(model, recipe, *rest)

    for n_documents, given in ((60, None), (800, None), (8000, None), (60, 7)):
        Seen(2, epochs=0, validation_fraction=0.0, batch_size=given).fit(np.ones((n_documents, 5)))
    assert sizes == [32, 50, 200, 7]


def test_partial_fit_learns_and_continues(tmp_path: Path) -> None:
    model = ProdLDA(4, **QUICK)
    for _ in range(3):
        model.partial_fit(X)
    assert model.n_epochs_ == 3
    assert model.history_[-1].elbo > model.history_[0].elbo
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.transform(X), model.transform(X))
    before = twin.components_
    twin.partial_fit(X[:100])
    assert not np.array_equal(before, twin.components_)
    with pytest.raises(ValueError, match="40 features"):
        model.partial_fit(X[:, :30])
    with pytest.raises(ValueError, match="corpus has 2 documents, every one empty"):
        model.partial_fit(X[:2] * 0)


def test_partial_fit_takes_up_the_schedules_of_fit(tmp_path: Path) -> None:
    model = ProdLDA(4, warm_up=2, **QUICK).fit(X)
    model.save(tmp_path / "model")
    for fitted in (model, ProdLDA.load(tmp_path / "model")):
        fitted.partial_fit(X)
        assert [epoch.epoch for epoch in fitted.history_] == [1, 2, 3]
        assert fitted.history_[-1].kl_weight == 1
        assert fitted.n_epochs_ == 3


def test_partial_fit_at_a_learning_rate_of_0_is_refused() -> None:
    model = ProdLDA(4, learning_rate_schedule="cosine", **QUICK)
    model.partial_fit(X).partial_fit(X)
    for fitted in (model, model.fit(X)):
        with pytest.raises(ValueError, match="schedule is 'cosine', whose 2 epochs are over"):
            fitted.partial_fit(X)


def test_scikit_learns_tools_work() -> None:
    model = ProdLDA(4, **QUICK)
    assert clone(model).get_params() == model.get_params()
    search = GridSearchCV(model, {"n_topics": [2, 4]}, cv=2).fit(X.astype(np.float64))
    assert search.best_params_["n_topics"] in (2, 4)


def test_a_corpus_of_one_document() -> None:
    model = ProdLDA(2, **QUICK).fit(X[:1])
    assert np.isfinite(model.transform(X[:1])).all()


def test_corpus_is_public() -> None:
    assert ntm_fast.Corpus is Corpus
    assert "ProdLDA" in dir(ntm_fast)
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        ntm_fast.Unknown  # noqa: B018
