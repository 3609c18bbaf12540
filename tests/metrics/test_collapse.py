import dataclasses
from math import exp, log

import numpy as np
import pytest
import torch

from ntm_fast import reference
from ntm_fast.metrics import CollapseReport, DuplicatePair, collapse, collapse_report
from ntm_fast.models import ModelSettings, TopicModel
from tests.helpers.blocks import block_corpus

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
    return collapse_report(THETA, COMPONENTS, n=2, **options)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("n_words", [10, 11, 12, 14, 16, 18, 20, 40])
@pytest.mark.parametrize("n_topics", [2, 3, 5])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-2])
def test_separate_topics_are_no_twins_however_few_words_there_are(
    n_words: int, n_topics: int, noise: float
) -> None:
    """With 12 words the top 10 of any two topics share at least 8."""
    random = np.random.default_rng(n_words)
    components = noise * random.random((n_topics, n_words))
    for topic in range(n_topics):
        components[topic, topic::n_topics] += 1
    report = collapse_report(np.eye(n_topics) * 0.9 + 0.1 / n_topics, components)
    assert report.duplicates == ()
    assert report.verdict == "none"
    twins = np.concatenate([components, components[:1] * 2])
    theta = np.eye(n_topics + 1) * 0.9 + 0.1 / (n_topics + 1)
    found = collapse_report(theta, twins).duplicates
    assert [(pair.first, pair.second) for pair in found] == [(0, n_topics)]


@pytest.mark.parametrize(
    ("n_words", "shared", "twins"),
    [(12, 8, False), (12, 9, False), (12, 10, True), (14, 8, False), (14, 9, True), (20, 6, True),
     (20, 5, False), (1000, 6, True), (1000, 5, False)],
)  # fmt: skip
def test_words_in_common_count_beyond_what_the_vocabulary_forces(
    n_words: int, shared: int, twins: bool
) -> None:
    weights = np.random.default_rng(0).random((2, n_words))
    words = [list(range(10)), [*range(shared), *range(10, 20 - shared)]]
    report = collapse_report([[0.9, 0.1], [0.1, 0.9]], weights, top_words=words)
    assert bool(report.duplicates) == twins


def test_top_words_alone_make_twins() -> None:
    """With many words, 6 of 10 in common are enough, even if the correlation is small."""
    weights = np.full((2, 1000), 1e-4)
    weights[:, :9] = 0.01
    weights[0, 900], weights[1, 901] = 0.5, 0.5  # what each is mostly about
    (pair,) = collapse_report([[0.9, 0.1], [0.1, 0.9]], weights).duplicates
    assert (pair.shared_words, pair.correlation < 0.1) == (9, True)


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
        "Component collapse: 2 of 4 topics are distinct and in use.",
        "1 of 4 topics leads none of the 4 documents: 3.",
        "3.8 topics are in effective use, 3.0 in a typical document.",
        "1 pair of topics is nearly the same: 0 and 2 (correlation 1.00, 2 of 2 top words).",
        "Mean KL per topic is 0.5 nats (from 0 to 1); 1 of 4 below 0.01: 0.",
        "Mean alpha is 0.25 (from 0.1 to 0.4 by topic).",
    ]


def test_verdicts() -> None:
    def of(led: list[int], twins: list[tuple[int, int]] = [], **others: float) -> CollapseReport:  # noqa: B006
        pairs = tuple(DuplicatePair(i, j, 1.0, 2) for i, j in twins)
        effect = {"effective_topics": 8.0, "topics_per_document": 2.0, **others}
        return CollapseReport(
            n_documents=100, n_topics=len(led), documents_led=tuple(led), duplicates=pairs,
            n_top_words=2, **effect,
        )  # fmt: skip

    healthy = of([10] * 10)
    assert (healthy.distinct_topics, healthy.verdict) == (10, "none")
    assert of([10] * 8 + [0, 0]).verdict == "none"  # four fifths are enough
    some = of([12] * 8 + [0, 0], [(0, 1)])
    assert (some.distinct_topics, some.verdict) == (7, "component collapse")
    chain = of([10] * 10, [(i, i + 1) for i in range(9)])  # each equal to the next, hence all
    assert (chain.distinct_topics, chain.verdict) == (1, "extreme component collapse")
    assert of([0] * 9 + [100]).verdict == "extreme component collapse"
    assert of([0] * 9 + [100], [(0, 1)]).distinct_topics == 1  # twins that lead nothing
    same = of([10] * 10, effective_topics=2.05)
    assert same.verdict == "extreme component collapse"  # each document has the same θ
    assert str(same).startswith("Extreme component collapse: 10 of 10 topics are distinct")
    assert of([100]).verdict == "none"  # a single topic has nothing to collapse to


def test_a_model_is_asked_for_what_it_knows() -> None:
    corpus = block_corpus(n_documents=30)
    settings = ModelSettings(n_topics=4, hidden=(8,), posterior="dirichlet", decoder="mixture")
    model = TopicModel(corpus.n_words, settings, ops=reference)
    found = collapse(model, corpus, n=3)
    assert (found.n_documents, found.n_topics, found.n_top_words) == (30, 4, 3)
    assert found.mean_kl == pytest.approx(model.kl_per_topic(corpus).mean(0).tolist())
    alpha = model.posterior_parameters(corpus)["alpha"]
    assert found.mean_alpha == pytest.approx(alpha.mean(0).tolist())
    assert found == collapse_report(
        model.topic_proportions(corpus), model.topic_weights(), model.kl_per_topic(corpus),
        alpha=alpha, n=3,
    )  # fmt: skip
    with pytest.raises(ValueError, match="corpus is empty; expected documents"):
        collapse(model, corpus[[]])


def test_posterior_collapse_is_said() -> None:
    report = collapse_report(np.tile([0.5, 0.3, 0.2], (7, 1)), np.eye(3), n=1)
    assert report.information == pytest.approx(0, abs=1e-12)
    assert "the encoder ignores its input" in str(report)
    assert "Topic 0 leads 100% of them." in str(report)
    uniform = collapse_report(np.full((7, 3), 1 / 3), np.ones((3, 5)), n=1)
    assert uniform.never_dominant == (0, 1, 2)
    assert len(uniform.duplicates) == 3  # flat topics all say the same


def test_a_healthy_model_and_a_single_topic() -> None:
    text = str(collapse_report(np.eye(3), np.eye(3), n=1))
    assert "Each of the 3 topics leads at least one" in text
    assert "No two topics" in text
    assert "ignores" not in text
    assert "ignores" not in str(collapse_report([[1.0], [1.0]], [[1.0, 2.0]]))


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
        collapse_report(theta, components, **options)
