import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import ntm_fast
from ntm_fast import LDAVAE, NVLDA, Corpus, DirichletVAE, NeuralTopicModel, ProdLDA
from ntm_fast.training import TrainingInterrupted
from tests.blocks import block_corpus, blocks_of

CORPUS = block_corpus()
X = CORPUS.to_scipy()
NAMED = pytest.mark.parametrize("kind", [ProdLDA, NVLDA, DirichletVAE, LDAVAE])
QUICK: dict[str, Any] = {"epochs": 2, "hidden": (8,), "batch_size": 64, "random_state": 0}


@pytest.fixture(scope="module")
def fitted() -> ProdLDA:
    return ProdLDA(4, **QUICK).fit(CORPUS)


@NAMED
def test_known_topics_are_recovered(kind: Any) -> None:
    model = kind(4, epochs=30, batch_size=32, learning_rate=0.01, validation=0.0, random_state=0)
    model.fit(CORPUS)
    ids = ntm_fast.metrics.top_words(model.components_, 8)
    blocks = blocks_of(ids)
    assert all(len(block) == 1 for block in blocks)
    assert set.union(*blocks) == {0, 1, 2, 3}
    # The topic that leads a document is the one it was made of.
    leader = [blocks[k].copy().pop() for k in model.transform(CORPUS).argmax(1)]
    assert np.mean([str(k) == label for k, label in zip(leader, CORPUS.labels, strict=True)]) > 0.95
    assert model.perplexity(CORPUS) < 25  # 40 for guessing, about 11 for the truth


@NAMED
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
    assert words[0][0] == CORPUS.vocabulary[fitted.components_[0].argmax()]
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


def test_options_reach_the_settings() -> None:
    model = NeuralTopicModel(
        3, posterior="dirichlet", decoder="mixture", prior=0.3, options={"kl_weight": 2}, **QUICK
    ).fit(X)
    assert model.model_.settings.posterior == "dirichlet"
    assert model.model_.settings.prior == 0.3
    assert model.history_[-1].kl_weight == 2
    assert model.n_epochs_ == len(model.history_) == 2


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_topics": 0}, ValueError, "n_topics is 0; expected >= 1"),
        ({"n_topics": 2.5}, TypeError, "n_topics is 2.5; expected an int"),
        ({"prior": 0}, ValueError, "prior is 0; expected > 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate is 'fast'; expected a number"),
        ({"validation": 1.0}, ValueError, "validation is 1.0; expected a number in"),
        ({"device": "tpu"}, ValueError, "device is 'tpu'; expected 'auto', 'cpu' or 'cuda'"),
        ({"options": {"lr": 1}}, ValueError, "unknown option 'lr'; expected one of"),
        ({"options": {"kl_schedule": "up"}}, ValueError, "kl_schedule is 'up'; expected one of"),
    ],
)
def test_bad_parameters_are_named(
    parameters: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ProdLDA(**{"epochs": 1, **parameters}).fit(X)


def test_no_gpu_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device is 'cuda', but no GPU is found"):
        ProdLDA(4, device="cuda").fit(X)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (-X, "Negative values in data"),
        (sp.csr_array(X * np.nan), "contains NaN"),
        (X.toarray() * np.inf, "contains"),
        (X[:0], "0 sample"),
        (X * 0, "every document is empty"),
        (X.toarray()[0], "Expected 2D array"),
    ],
)
def test_bad_counts_are_refused(counts: Any, message: str, fitted: ProdLDA) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        ProdLDA(4, **QUICK).fit(counts)
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        fitted.transform(counts)


def test_another_vocabulary_is_refused(fitted: ProdLDA) -> None:
    with pytest.raises(ValueError, match="40 features"):
        fitted.transform(X[:, :30])
    with pytest.raises(ValueError, match="vocabulary of 20 words"):
        fitted.transform(block_corpus(2))
    with pytest.raises(ValueError, match="vocabulary has length 3"):
        ProdLDA(4).fit(X, vocabulary=["a", "b", "c"])


def test_empty_documents_among_others(fitted: ProdLDA) -> None:
    holes = X.toarray()[:5]
    holes[2] = 0
    theta = fitted.transform(holes)
    assert np.isfinite(theta).all()
    np.testing.assert_allclose(theta[[0, 1, 3, 4]], fitted.transform(X)[[0, 1, 3, 4]], atol=1e-6)


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


@NAMED
def test_save_and_load(kind: Any, tmp_path: Path) -> None:
    model = kind(4, **QUICK).fit(CORPUS)
    folder = tmp_path / "deep" / "model"
    model.save(folder)
    assert sorted(os.listdir(folder)) == ["model.json", "model.safetensors", "vocabulary.txt"]
    for cls in (kind, NeuralTopicModel):
        loaded = cls.load(folder)
        assert type(loaded) is kind
        np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
        assert loaded.top_words() == model.top_words()
        assert loaded.get_params() == model.get_params()
        assert loaded.history_ == model.history_
        assert loaded.perplexity(CORPUS) == model.perplexity(CORPUS)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(folder)
    model.save(folder, overwrite=True)
    with pytest.raises(FileExistsError, match="holds no model"):
        model.save(tmp_path, overwrite=True)


def test_damaged_and_foreign_folders(fitted: ProdLDA, tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def broken(name: str, change: Any) -> Path:
        fitted.save(folder, overwrite=folder.exists())
        file = folder / name
        data = change(file.read_bytes())
        file.unlink() if data is None else file.write_bytes(data)
        return folder

    def edited(**values: Any) -> Any:
        return lambda data: json.dumps({**json.loads(data), **values}).encode()

    cases = [
        ("model.safetensors", lambda d: d[:-5], "model.safetensors is damaged or truncated"),
        ("model.safetensors", lambda d: d[:-9] + b"123456789", "damaged or truncated"),
        ("model.json", lambda d: d[:50], "model.json is damaged"),
        ("model.json", edited(format="else"), "does not describe a model"),
        ("model.json", edited(version=99), "version 99, this release reads 1"),
        ("model.json", edited(settings={}), "settings missing or unknown"),
        ("model.json", edited(n_words="x"), "n_words is 'x'"),
        ("vocabulary.txt", lambda d: d[:-20], "vocabulary.txt is damaged"),
        ("vocabulary.txt", lambda d: b"\xff" + d, "vocabulary.txt is damaged"),
        ("model.json", edited(estimator="NVLDA"), "holds a NVLDA; expected a ProdLDA"),
    ]
    for name, change, message in cases:
        with pytest.raises(ValueError, match=message):
            ProdLDA.load(broken(name, change))
    for name in ("model.json", "model.safetensors", "vocabulary.txt"):
        with pytest.raises(FileNotFoundError, match=name):
            ProdLDA.load(broken(name, lambda d: None))
        (folder / "model.json").write_text("")  # so that it may be written over
    with pytest.raises(FileNotFoundError, match="is not a saved model"):
        ProdLDA.load(tmp_path / "absent")


def test_interrupted_fit_can_be_used_and_resumed(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    straight = ProdLDA(4, **{**QUICK, "epochs": 4}).fit(X)
    model = ProdLDA(4, checkpoint=file, **{**QUICK, "epochs": 4})

    def interrupt(epoch: Any) -> None:
        if epoch.epoch == 2:
            os.kill(os.getpid(), 2)

    with pytest.raises(TrainingInterrupted):
        model.fit(X, callback=interrupt)
    assert model.transform(X).shape == (300, 4)
    resumed = ProdLDA(4, **{**QUICK, "epochs": 4}).fit(X, resume_from=file)
    np.testing.assert_array_equal(straight.components_, resumed.components_)


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
