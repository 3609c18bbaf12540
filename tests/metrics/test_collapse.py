import dataclasses
from math import exp, log

import numpy as np
import pytest
import torch

from ntm_fast.metrics import CollapseReport, collapse

# Topics 0 and 2 have the same words; topic 3 leads nothing; the last document has no leader.
THETA = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.2, 0.1, 0.6, 0.1], [0.3, 0.3, 0.2, 0.2]]
COMPONENTS = np.array(
    [
        [0.50, 0.40, 0.04, 0.03, 0.02, 0.01],
        [0.01, 0.02, 0.50, 0.40, 0.04, 0.03],
        [0.48, 0.42, 0.04, 0.03, 0.02, 0.01],
        [0.02, 0.03, 0.01, 0.04, 0.50, 0.40],
    ]
)


def report_of(**options: object) -> CollapseReport:
    return collapse(THETA, COMPONENTS, n=2, **options)  # type: ignore[arg-type]


def test_counts_by_hand() -> None:
    report = report_of()
    assert (report.n_documents, report.n_topics) == (4, 4)
    assert report.documents_led == (1, 1, 1, 0)
    assert report.never_dominant == (3,)
    assert [(pair.first, pair.second, pair.shared_words) for pair in report.duplicates] == [
        (0, 2, 2)
    ]
    truth = np.corrcoef(COMPONENTS[0], COMPONENTS[2])[0, 1]
    assert report.duplicates[0].correlation == pytest.approx(truth)
    mean = np.mean(THETA, axis=0)
    assert report.effective_topics == pytest.approx(exp(-(mean * np.log(mean)).sum()))
    entropy = -(np.array(THETA) * np.log(THETA)).sum(axis=1).mean()
    assert report.topics_per_document == pytest.approx(exp(entropy))
    assert report.information == pytest.approx(log(report.effective_topics) - entropy)
    assert report.mean_kl is None
    assert report.inactive == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.n_topics = 3  # type: ignore[misc]


def test_each_threshold_alone_finds_duplicates() -> None:
    assert not report_of(correlation=0.9999, top_words=[[0, 1], [2, 3], [4, 5], [1, 2]]).duplicates
    by_words = report_of(correlation=1.0, top_words=[[0, 1], [2, 3], [4, 5], [3, 2]]).duplicates
    assert [(pair.first, pair.second, pair.shared_words) for pair in by_words] == [(1, 3, 2)]
    by_weights = report_of(top_words=[["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]).duplicates
    assert [(pair.first, pair.second, pair.shared_words) for pair in by_weights] == [(0, 2, 0)]


def test_kl_and_alpha_are_averaged() -> None:
    kl = torch.tensor([[0.0, 0.2, 1.0, 2.0], [0.01, 0.4, 1.0, 4.0]])
    report = report_of(kl_per_topic=kl, alpha=[0.1, 0.2, 0.3, 0.4])
    assert report.mean_kl == pytest.approx((0.005, 0.3, 1.0, 3.0))
    assert report.inactive == (0,)
    assert report.mean_alpha == pytest.approx((0.1, 0.2, 0.3, 0.4))


def test_sentences() -> None:
    report = report_of(kl_per_topic=[0.0, 0.5, 0.5, 1.0], alpha=[0.1, 0.2, 0.3, 0.4])
    assert str(report) == report.summary()
    assert report.summary().splitlines() == [
        "1 of 4 topics leads none of the 4 documents: 3.",
        "3.8 topics are in effective use, 3.0 in a typical document.",
        "1 pair of topics is nearly the same: 0 and 2 (correlation 1.00, 2 of 2 top words).",
        "Mean KL per topic is 0.5 nats (from 0 to 1); 1 of 4 below 0.01: 0.",
        "Mean alpha is 0.25 (from 0.1 to 0.4 by topic).",
    ]


def test_posterior_collapse_is_said() -> None:
    report = collapse(np.tile([0.5, 0.3, 0.2], (7, 1)), np.eye(3), n=1)
    assert report.information == pytest.approx(0, abs=1e-12)
    assert "the encoder ignores its input" in str(report)
    assert "Topic 0 leads 100% of them." in str(report)
    uniform = collapse(np.full((7, 3), 1 / 3), np.ones((3, 5)), n=1)
    assert uniform.never_dominant == (0, 1, 2)
    assert len(uniform.duplicates) == 3  # flat topics all say the same


def test_a_healthy_model_and_a_single_topic() -> None:
    text = str(collapse(np.eye(3), np.eye(3), n=1))
    assert "Each of the 3 topics leads at least one" in text
    assert "No two topics" in text
    assert "ignores" not in text
    assert "ignores" not in str(collapse([[1.0], [1.0]], [[1.0, 2.0]]))


@pytest.mark.parametrize(
    ("theta", "components", "options", "match"),
    [
        (THETA, COMPONENTS[:3], {}, "components has 3 rows; expected 4"),
        ([[0.5, 0.6]], np.eye(2), {}, "theta holds rows that are not proportions"),
        ([[1.5, -0.5]], np.eye(2), {}, "theta holds rows that are not proportions"),
        ([[float("nan"), 1]], np.eye(2), {}, "theta .* not a finite number"),
        ([0.5, 0.5], np.eye(2), {}, r"theta has shape \(2,\)"),
        (np.zeros((0, 2)), np.eye(2), {}, r"theta has shape \(0, 2\)"),
        (np.eye(2), [[1, float("inf")], [1, 2]], {}, "components .* not a finite number"),
        (np.eye(2), np.eye(2), {"kl_per_topic": [1.0]}, r"kl_per_topic has shape \(1,\)"),
        (np.eye(2), np.eye(2), {"alpha": [1.0, 0.0]}, "alpha holds 0.0; expected numbers > 0"),
        (np.eye(2), np.eye(2), {"top_words": [[0]], "n": 1}, "top_words has 1 rows; expected 2"),
        (np.eye(2), np.eye(2), {"overlap": 0}, "overlap is 0; expected"),
        (np.eye(2), np.eye(2), {"correlation": 1.1}, "correlation is 1.1; expected"),
    ],
)
def test_bad_input(theta, components, options, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=match):
        collapse(theta, components, **options)
