from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from ntm_fast import Corpus, ProdLDA, metrics
from tests.estimator.common import CORPUS, QUICK, X
from tests.helpers.blocks import block_corpus


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_topics": 0}, ValueError, "n_topics is 0; expected >= 1"),
        ({"n_topics": 2.5}, TypeError, "n_topics is 2.5; expected an int"),
        ({"prior": 0}, ValueError, "prior is 0; expected > 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate is 'fast'; expected a number"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction is 1.0; expected a number"),
        ({"validation": 0.2}, TypeError, r"called validation_fraction: ProdLDA\(…, validation_fra"),
        ({"diversty": 1}, TypeError, "ProdLDA has no setting 'diversty': did you mean 'diversity'"),
        ({"colour": 1}, TypeError, r"no setting 'colour': help\(ProdLDA\) lists them"),
        ({"posterior": "weibull"}, TypeError, "ProdLDA's posterior is fixed; NeuralTopicModel tak"),
        ({"prior": "none"}, TypeError, "prior is 'none'; expected a number"),
        ({"patience": "never"}, TypeError, "patience is 'never'; expected an int"),
        ({"device": "tpu"}, ValueError, "device is 'tpu'; expected 'auto', 'cpu' or 'cuda'"),
        ({"options": None}, TypeError, "options is no longer taken"),
        ({"checkpoint": ""}, IsADirectoryError, "checkpoint is a folder; expected a file"),
        ({"kl_schedule": "up"}, ValueError, "kl_schedule is 'up'; expected one of"),
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
        (np.where(X.toarray() > 0, np.inf, 0), "contains infinity"),
        (X[:0], "0 sample"),
        (X * 0, "every document is empty"),
        (X.toarray()[0], "Expected 2D array"),
    ],
)
def test_bad_counts_are_refused(counts: Any, message: str, fitted: ProdLDA) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        ProdLDA(4, **QUICK).fit(counts)
    if "empty" not in message:
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
            fitted.transform(counts)


@pytest.mark.parametrize("text", ["reviews.txt", Path("reviews.txt")])
def test_a_path_is_not_counts(text: Any, fitted: ProdLDA) -> None:
    for use in (ProdLDA(4, **QUICK).fit, fitted.transform):
        with pytest.raises(TypeError, match=r"X is 'reviews.txt'; expected counts .*data.read"):
            use(text)


def test_bad_arguments_are_named(fitted: ProdLDA) -> None:
    with pytest.raises(TypeError, match="callback is 3; expected a function or None"):
        ProdLDA(4, **QUICK).fit(X, callback=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="relevance is 'much'; expected a number"):
        fitted.top_words(3, relevance="much")  # type: ignore[arg-type]


def test_columns_that_cannot_be_matched_are_refused(fitted: ProdLDA) -> None:
    with pytest.raises(ValueError, match="40 features"):
        fitted.transform(X[:, :30])
    numbered = ProdLDA(4, **QUICK).fit(X)
    for strange in (block_corpus(2), Corpus.from_scipy(X[:, :20])):
        with pytest.raises(ValueError, match="vocabulary of 20 words, but the model is expecting"):
            numbered.transform(strange)
    with pytest.raises(ValueError, match="vocabulary of 20 words, but the model is expecting 40"):
        fitted.transform(Corpus.from_scipy(X[:, :20]))
    with pytest.raises(ValueError, match=r"theta has shape \(2, 3\); expected \[D, 4\]"):
        fitted.word_probabilities(np.ones((2, 3)))
    with pytest.raises(ValueError, match="vocabulary has length 3"):
        ProdLDA(4).fit(X, vocabulary=["a", "b", "c"])


def test_empty_documents_among_others(fitted: ProdLDA) -> None:
    holes = X.toarray()[:5]
    holes[2] = 0
    theta = fitted.transform(holes)
    assert np.isfinite(theta).all()
    np.testing.assert_allclose(theta[[0, 1, 3, 4]], fitted.transform(X)[[0, 1, 3, 4]], atol=1e-6)
    for none in (X[:2] * 0, np.zeros((2, 40))):
        np.testing.assert_allclose(fitted.transform(none), theta[[2, 2]], atol=1e-6)
    with pytest.raises(ValueError, match="corpus has no document to evaluate"):
        fitted.perplexity(X[:2] * 0)
    for corpus in (CORPUS[[]], Corpus.from_scipy(holes)[[2]]):
        with pytest.raises(ValueError, match=r"corpus has \d documents, every one empty"):
            ProdLDA(4, **QUICK).fit(corpus)
    with pytest.raises(ValueError, match="corpus has no documents"):
        fitted.transform(CORPUS[[]])


def test_metrics_take_estimators(fitted: ProdLDA) -> None:
    assert metrics.perplexity(fitted, CORPUS) == fitted.perplexity(CORPUS)
    for measure in (metrics.perplexity, metrics.collapse):
        with pytest.raises(TypeError, match="corpus is a csr_array; expected a Corpus"):
            measure(fitted, X)  # type: ignore[operator]
        with pytest.raises(TypeError, match="model is a ProdLDA; expected a fitted estimator"):
            measure(ProdLDA(), CORPUS)  # type: ignore[operator]
