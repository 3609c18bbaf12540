"""Estimators and words: texts in place of counts, columns in another order, words without names."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ntm_fast import LDAVAE, ProdLDA, metrics
from ntm_fast.data import Corpus, datasets, vectorise
from tests.estimator.common import CORPUS, QUICK, X

A, B = ["Apple", "iOS", "M3", "iPad", "macOS", "Mac"], ["DNA", "p53", "RNA", "GFP", "T7", "gene"]
RNG = np.random.default_rng(2)
TEXTS = [" ".join(RNG.choice(A if d % 2 else B, 8)) for d in range(60)]
COUNTED: dict[str, Any] = {"token_pattern": r"\S+", "lowercase": False, "stop_words": None}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return vectorise(TEXTS, **COUNTED)


@pytest.fixture(scope="module")
def of_texts(corpus: Corpus) -> ProdLDA:
    return ProdLDA(3, **QUICK).fit(corpus)


def test_texts_are_counted_as_in_training(
    of_texts: ProdLDA, corpus: Corpus, tmp_path: Path
) -> None:
    expected = of_texts.transform(corpus)
    of_texts.save(tmp_path / "model")
    for model in (of_texts, ProdLDA.load(tmp_path / "model"), pickle.loads(pickle.dumps(of_texts))):
        assert model.origin_ == corpus.origin
        np.testing.assert_array_equal(model.transform(TEXTS), expected)
        np.testing.assert_array_equal(model.transform([t.split() for t in TEXTS]), expected)
        np.testing.assert_array_equal(model.transform(np.array(TEXTS, object)), expected)
        assert model.score(TEXTS) == model.score(corpus)
        assert model.perplexity(TEXTS) == model.perplexity(corpus)
        assert model.read(TEXTS) == corpus


def test_texts_can_be_fitted() -> None:
    texts = [text.lower() for text in TEXTS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ProdLDA(2, **QUICK).fit(texts)
    assert model.vocabulary_ == vectorise(texts).vocabulary
    np.testing.assert_array_equal(model.transform(texts), model.transform(vectorise(texts)))
    fixed = ProdLDA(2, **QUICK).fit(texts, vocabulary=["gene", "dna"])
    assert fixed.vocabulary_ == ("gene", "dna")
    search = GridSearchCV(ProdLDA(2, **QUICK), {"n_topics": [2, 3]}, cv=2, error_score="raise")
    assert search.fit(texts).best_params_["n_topics"] in (2, 3)
    assert search.fit(CORPUS).best_params_ == search.fit(X).best_params_


def test_columns_are_matched_by_word(fitted: ProdLDA) -> None:
    order = np.random.default_rng(0).permutation(CORPUS.n_words)
    matrix = sp.hstack([X[:, order], np.ones((X.shape[0], 1))], format="csr")
    words = [*(CORPUS.vocabulary[v] for v in order), "stranger"]
    shuffled = Corpus.from_scipy(matrix, words)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(fitted.transform(shuffled), fitted.transform(CORPUS))
    assert metrics.perplexity(fitted, shuffled) == metrics.perplexity(fitted, CORPUS)
    for report in (metrics.collapse(fitted, corpus) for corpus in (shuffled, CORPUS)):
        assert report == metrics.collapse(fitted, CORPUS)
    fewer = Corpus.from_scipy(X[:, :30], CORPUS.vocabulary[:30])
    missing = X.toarray()
    missing[:, 30:] = 0
    np.testing.assert_allclose(fitted.transform(fewer), fitted.transform(missing), rtol=1e-6)


def test_columns_of_a_model_without_words(fitted: ProdLDA) -> None:
    numbered = ProdLDA(4, **QUICK).fit(X)
    assert numbered.numbered_words_
    with pytest.warns(UserWarning, match="by position, since the model has no words"):
        theta = numbered.transform(CORPUS)
    np.testing.assert_allclose(theta, numbered.transform(X), rtol=1e-6)
    with pytest.raises(ValueError, match="trained on counts without words"):
        numbered.transform(["w001 w002"])


def test_a_document_without_a_known_word_is_marked(of_texts: ProdLDA) -> None:
    documents = of_texts.read([*TEXTS, "xyzzy plugh", ""])
    assert documents.known_words.tolist() == [1.0] * 60 + [0.0, 0.0]
    with pytest.warns(UserWarning, match="0.0% of the words"):
        theta = of_texts.transform(["xyzzy"])
    np.testing.assert_allclose(theta.sum(1), 1)
    np.testing.assert_allclose(theta, of_texts.transform(documents)[[60]], atol=1e-6)


def test_a_pipeline_says_that_it_has_no_words() -> None:
    vectoriser = CountVectorizer(lowercase=False)
    model = make_pipeline(vectoriser, ProdLDA(2, **QUICK)).fit(TEXTS)[-1]
    with pytest.warns(UserWarning, match=r"numbers of columns.*vectoriser.vocabulary_"):
        numbers = model.top_words(3)
    assert all(word.isdigit() for topic in numbers for word in topic)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        words = model.top_words(3, vocabulary=vectoriser.vocabulary_)
    names = vectoriser.get_feature_names_out()
    assert words == [[names[int(word)] for word in topic] for topic in numbers]
    with pytest.raises(ValueError, match="vocabulary has length 1, expected 12"):
        model.top_words(vocabulary=["one"])


def test_top_words_of_few_words() -> None:
    model = ProdLDA(2, **QUICK).fit(np.eye(4), vocabulary=list("abcd"))
    assert [sorted(topic) for topic in model.top_words()] == [list("abcd")] * 2
    with pytest.raises(ValueError, match="n is 5"):
        model.top_words(5)


def test_ready_made_corpora_say_where_they_are_from() -> None:
    corpus, _, _ = datasets.synthetic(50, 20, 3)
    assert corpus.origin is not None
    model = LDAVAE(3, **QUICK).fit(corpus)
    assert model.origin_ == corpus.origin


def test_any_counts_give_a_corpus() -> None:
    """`transform` takes matrices as they come: unsorted, with zeros and repeats, or empty."""
    model = ProdLDA(2, **QUICK).fit(np.eye(4))
    messy = sp.csr_array((np.array([1.0, 0, 2, 3]), [3, 1, 0, 3], [0, 4, 4]), shape=(2, 4))
    neat = np.array([[2.0, 0, 0, 4], [0, 0, 0, 0]])
    np.testing.assert_allclose(model.transform(messy), model.transform(neat), rtol=1e-6)


def test_one_missing_text_is_a_document(of_texts: ProdLDA) -> None:
    with pytest.warns(UserWarning, match="known"):
        np.testing.assert_array_equal(of_texts.transform([None]), of_texts.transform([""]))


@pytest.mark.parametrize(
    "documents",
    [
        iter(TEXTS),
        set(TEXTS),
        {"a": TEXTS},
        np.array(TEXTS)[:, None],
        [np.array(text.split()) for text in TEXTS],
        [text.encode() for text in TEXTS],
    ],
)
def test_text_in_what_is_no_list_of_it_is_told(documents: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"X is a .*one column of texts, or a Corpus"):
        ProdLDA(2, **QUICK).fit(documents)


def test_a_vocabulary_beside_a_corpus_names_its_columns(corpus: Corpus) -> None:
    unnamed, words = Corpus.from_scipy(corpus.to_scipy()), corpus.vocabulary
    model = ProdLDA(2, **QUICK)
    assert model.fit(unnamed, vocabulary=words).vocabulary_ == words
    assert not model.numbered_words_
    assert model.fit(corpus, vocabulary={w: v for v, w in enumerate(words)}).vocabulary_ == words
    with pytest.raises(ValueError, match="X is a Corpus with other words"):
        model.fit(corpus, vocabulary=words[::-1])
