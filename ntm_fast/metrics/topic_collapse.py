"""Signs that a topic model has collapsed: idle topics, twins, an encoder that says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from scipy.sparse.csgraph import connected_components
from scipy.special import entr

from ntm_fast.checks import as_array, integer
from ntm_fast.data import Corpus
from ntm_fast.metrics import topics
from ntm_fast.metrics.topics import check_top_words, documents_for, trained_model

__all__ = ["CollapseReport", "DuplicatePair", "InspectableModel", "collapse", "collapse_report"]

Floats = npt.NDArray[np.float64]
SILENT = 0.05  # nats: below this, θ is as good as the same for every document
HEALTHY, EXTREME = 0.8, 0.1  # shares of distinct topics in use


class DuplicatePair(NamedTuple):
    """Two topics, first < second, that say nearly the same."""

    first: int
    second: int
    correlation: float
    """Of their rows of components, in [-1, 1]."""
    shared_words: int
    """Number of top words in common."""


@dataclass(frozen=True)
class CollapseReport:
    """What `collapse` found; `str(report)` says it in sentences, the verdict first."""

    n_documents: int
    n_topics: int
    documents_led: tuple[int, ...]
    """Documents in which each topic is strictly the largest [K]."""
    duplicates: tuple[DuplicatePair, ...]
    """Pairs of topics at or above either threshold, most alike first."""
    effective_topics: float
    """exp(entropy of the mean θ), between 1 and K."""
    topics_per_document: float
    """exp(mean entropy of θ), between 1 and `effective_topics`."""
    n_top_words: int
    """Top words per topic that `shared_words` is out of."""
    mean_kl: tuple[float, ...] | None = None
    """Mean KL of each topic's marginal over the documents, in nats [K]."""
    kl_threshold: float = 0.01
    """Mean KL below which a topic counts as inactive."""
    mean_alpha: tuple[float, ...] | None = None
    """Mean Dirichlet concentration of each topic over the documents [K]."""

    @property
    def never_dominant(self) -> tuple[int, ...]:
        """Topics that lead no document."""
        return tuple(k for k, led in enumerate(self.documents_led) if led == 0)

    @property
    def inactive(self) -> tuple[int, ...]:
        """Topics whose mean KL is below `kl_threshold`; empty if no KL was given."""
        return tuple(k for k, kl in enumerate(self.mean_kl or ()) if kl < self.kl_threshold)

    @property
    def distinct_topics(self) -> int:
        """Topics that lead some document, near-duplicates of each other counted once."""
        alike = scipy.sparse.coo_array(
            (
                np.ones(len(self.duplicates)),
                ([p.first for p in self.duplicates], [p.second for p in self.duplicates]),
            ),
            shape=(self.n_topics, self.n_topics),
        )
        _, group = connected_components(alike, directed=False)
        return len(np.unique(group[np.array(self.documents_led) > 0]))

    @property
    def verdict(self) -> str:
        """ "none", "component collapse" or "extreme component collapse".

        Component collapse: fewer than four fifths of the topics lead documents and are distinct;
        the rest idle at the prior or repeat each other. Extreme: at most a tenth of them, or one,
        or all documents have nearly the same θ, less than 0.05 nats apart (`information`).
        """
        if self.n_topics == 1:
            return "none"
        distinct = self.distinct_topics
        if distinct <= max(1, EXTREME * self.n_topics) or self.information < SILENT:
            return "extreme component collapse"
        return "component collapse" if distinct < HEALTHY * self.n_topics else "none"

    @property
    def information(self) -> float:
        """Nats that θ tells about its document: log(effective_topics / topics_per_document)."""
        return max(0.0, float(np.log(self.effective_topics / self.topics_per_document)))

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """One plain sentence a line."""
        k, idle = self.n_topics, self.never_dominant
        documents = f"{self.n_documents:,} documents"
        verdict = self.verdict if self.verdict != "none" else "no component collapse"
        head = (
            f"{verdict.capitalize()}: {self.distinct_topics} of {k} topics are distinct and in use."
        )
        if idle:
            verb = "leads" if len(idle) == 1 else "lead"
            lines = [
                head,
                f"{len(idle)} of {k} topics {verb} none of the {documents}: {_list(idle)}.",
            ]
        else:
            lines = [head, f"Each of the {k} topics leads at least one of the {documents}."]
        most = int(np.argmax(self.documents_led))
        share = self.documents_led[most] / self.n_documents
        if k > 2 and share > 0.5:
            lines.append(f"Topic {most} leads {share:.0%} of them.")
        if k > 1 and self.information < SILENT:
            lines.append(
                "The topic proportions are nearly the same for every document "
                f"({self.information:.3f} nats of information): the encoder ignores its input."
            )
        lines.append(
            f"{self.effective_topics:.1f} topics are in effective use, "
            f"{self.topics_per_document:.1f} in a typical document."
        )
        if self.duplicates:
            pairs = [
                f"{pair.first} and {pair.second} (correlation {pair.correlation:.2f}, "
                f"{pair.shared_words} of {self.n_top_words} top words)"
                for pair in self.duplicates
            ]
            noun = "pair of topics is" if len(pairs) == 1 else "pairs of topics are"
            lines.append(f"{len(pairs)} {noun} nearly the same: {_list(pairs, '; ')}.")
        else:
            lines.append("No two topics are nearly the same.")
        if self.mean_kl is not None:
            lines.append(self._kl_sentence(self.mean_kl))
        if self.mean_alpha is not None:
            low, mean, high = _range(self.mean_alpha)
            lines.append(f"Mean alpha is {mean:.3g} (from {low:.3g} to {high:.3g} by topic).")
        return "\n".join(lines)

    def _kl_sentence(self, mean_kl: tuple[float, ...]) -> str:
        low, mean, high = _range(mean_kl)
        text = f"Mean KL per topic is {mean:.3g} nats (from {low:.3g} to {high:.3g})"
        if not self.inactive:
            return f"{text}; every topic is active."
        count = f"{len(self.inactive)} of {self.n_topics} below {self.kl_threshold:g}"
        return f"{text}; {count}: {_list(self.inactive)}."


def _range(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), float(np.mean(values)), max(values)


def _list(items: Sequence[object], separator: str = ", ", most: int = 10) -> str:
    shown = separator.join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown}{separator}and {len(items) - most} more"


class InspectableModel(Protocol):
    """What `collapse` asks of a trained topic model, all in evaluation mode."""

    def topic_proportions(self, corpus: Corpus) -> torch.Tensor:
        """Posterior mean θ [D, K] of each document."""
        ...

    def topic_weights(self) -> torch.Tensor:
        """Weight of each word in each topic [K, V]."""
        ...

    def kl_per_topic(self, corpus: Corpus) -> torch.Tensor:
        """KL of each topic's marginal of q(θ | x) from the prior's [D, K], in nats."""
        ...

    def posterior_parameters(self, corpus: Corpus) -> dict[str, torch.Tensor]:
        """Parameters of q(θ | x) by name [D, K]: "alpha" are Dirichlet concentrations."""
        ...


def collapse(
    model: InspectableModel,
    corpus: Corpus,
    *,
    n: int = 10,
    correlation: float = 0.9,
    overlap: float = 0.6,
    kl_threshold: float = 0.01,
) -> CollapseReport:
    """Look for component collapse, extreme component collapse and posterior collapse.

    In component collapse some topics never leave the prior or become copies of others, in its
    extreme form nearly all of them, and every document looks alike; see `CollapseReport.verdict`.
    What prevents it: a KL warm-up, batch norm of the encoder's outputs and of the logits, a higher
    beta1 of Adam, free bits.

    Parameters
    ----------
    model : trained :class:`ntm_fast.models.TopicModel`, or an estimator that holds one
    corpus : Corpus
        Documents to infer θ of.
    n, correlation, overlap, kl_threshold : see `collapse_report`, which takes arrays

    Returns
    -------
    CollapseReport

    Raises
    ------
    ValueError
        If corpus is empty or of other words than the model's, or an option is out of range.
    TypeError
        If model or corpus is something else.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017
    (component collapse); Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders", 2016
    (units that are inactive); Bowman et al., "Generating Sentences from a Continuous Space", 2016
    (a KL term of 0).
    """
    inner: InspectableModel = trained_model(model, "posterior_parameters", "kl_per_topic")
    corpus = documents_for(model, corpus)
    if not len(corpus):
        raise ValueError("corpus is empty; expected documents")
    alpha = inner.posterior_parameters(corpus).get("alpha")
    return collapse_report(
        inner.topic_proportions(corpus).cpu(),
        inner.topic_weights().cpu(),
        inner.kl_per_topic(corpus).cpu(),
        alpha=None if alpha is None else alpha.cpu(),
        n=n,
        correlation=correlation,
        overlap=overlap,
        kl_threshold=kl_threshold,
    )


def collapse_report(
    theta: npt.ArrayLike,
    components: npt.ArrayLike,
    kl_per_topic: npt.ArrayLike | None = None,
    top_words: npt.ArrayLike | None = None,
    *,
    alpha: npt.ArrayLike | None = None,
    n: int = 10,
    correlation: float = 0.9,
    overlap: float = 0.6,
    kl_threshold: float = 0.01,
) -> CollapseReport:
    """`collapse` of what is known of a model: its θ, topics, and what else is at hand.

    Parameters
    ----------
    theta : array [D, K]
        Topic proportions of documents: >= 0, each row summing to 1.
    components : array [K, V]
        Weight of each word in each topic, finite: probabilities or a topic's own weights.
    kl_per_topic : array [K] or [D, K], optional
        KL(posterior ‖ prior) by topic, in nats; averaged over documents.
    top_words : int or str array [K, >= n], optional
        Where topics are ranked by something else than components.
    alpha : array [K] or [D, K], optional
        Dirichlet concentrations, > 0; averaged over documents.
    n : int
        Top words that are compared.
    correlation, overlap : float in (0, 1]
        Two topics are near-duplicates if the Pearson correlation of their components (the cosine
        after subtracting each row's mean, so that flat topics are not all alike) or the share of
        their top words in common is at least this. Only what is in common beyond what V forces
        counts: of V words two topics' top n share at least 2n - V. And a word stands for a topic
        only if it has more than the topic's mean weight, where topics are ranked by components:
        what fills a top n that is longer than the topic says nothing.
    kl_threshold : float
        Nats below which a topic counts as inactive.

    Returns
    -------
    CollapseReport

    Raises
    ------
    ValueError
        If a shape or value is not as above.
    """
    proportions = _matrix("theta", theta, "[D, K]")
    weights = _matrix("components", components, "[K, V]")
    n_documents, n_topics = proportions.shape
    if len(weights) != n_topics:
        raise ValueError(
            f"components has {len(weights)} rows; expected {n_topics}, theta's columns"
        )
    if proportions.min() < 0 or abs(proportions.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("theta holds rows that are not proportions; expected >= 0, summing to 1")
    for name, value in (("correlation", correlation), ("overlap", overlap)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} is {value!r}; expected a number in (0, 1]")
    own = None
    if top_words is None:
        n = integer("n", n, low=1)
        top_words = topics.top_words(weights, min(n, weights.shape[1]))
        n = top_words.shape[1]
        own = np.take_along_axis(weights, top_words, 1) > weights.mean(axis=1, keepdims=True)
    words = check_top_words(top_words, n)
    if len(words) != n_topics:
        raise ValueError(f"top_words has {len(words)} rows; expected {n_topics}, theta's columns")

    return CollapseReport(
        n_documents=n_documents,
        n_topics=n_topics,
        documents_led=_documents_led(proportions),
        duplicates=_duplicates(weights, words, own, correlation, overlap),
        effective_topics=float(np.exp(entr(proportions.mean(axis=0)).sum())),
        topics_per_document=float(np.exp(entr(proportions).sum(axis=1).mean())),
        n_top_words=n,
        mean_kl=_mean_by_topic("kl_per_topic", kl_per_topic, n_topics),
        kl_threshold=kl_threshold,
        mean_alpha=_mean_by_topic("alpha", alpha, n_topics, positive=True),
    )


def _documents_led(theta: Floats) -> tuple[int, ...]:
    """Documents in which a topic is the largest; a tie has no leader."""
    leader = theta.argmax(axis=1)
    clear = (theta == theta.max(axis=1, keepdims=True)).sum(axis=1) == 1
    return tuple(np.bincount(leader[clear], minlength=theta.shape[1]).tolist())


def _duplicates(
    weights: Floats,
    words: npt.NDArray[Any],
    own: npt.NDArray[np.bool_] | None,
    correlation: float,
    overlap: float,
) -> tuple[DuplicatePair, ...]:
    """Pairs at or above a threshold; `own` says which top words stand for their topic, if known."""
    n_topics, n = words.shape
    centred = weights - weights.mean(axis=1, keepdims=True)
    scale = np.abs(centred).max(axis=1, keepdims=True)
    centred /= np.where(scale > 0, scale, 1)  # before squaring, which could underflow
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.where(norm > 0, norm, 1)
    alike = np.clip(centred @ centred.T, -1, 1)
    constant = norm[:, 0] == 0
    alike[np.ix_(constant, constant)] = 1  # two flat topics say the same: nothing

    distinct, column = np.unique(words, return_inverse=True)
    row = np.repeat(np.arange(n_topics), n)

    def in_common(counted: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        has = scipy.sparse.csr_array(
            (counted.ravel().astype(np.int64), (row, column.ravel())),
            shape=(n_topics, len(distinct)),
        )
        return np.asarray((has @ has.T).toarray())

    shared = in_common(np.ones(words.shape))
    telling = shared if own is None else in_common(own)
    forced = max(0, 2 * n - weights.shape[1])

    slack = 1e-9  # so that rounding does not decide at a threshold
    enough = forced + overlap * (n - forced)
    near = np.triu((alike >= correlation - slack) | (telling >= enough - slack), 1)
    pairs = [
        DuplicatePair(int(i), int(j), float(alike[i, j]), int(shared[i, j]))
        for i, j in np.argwhere(near)
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.correlation, -pair.shared_words)))


def _matrix(name: str, value: npt.ArrayLike, shape: str) -> Floats:
    array = as_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}, not empty")
    return _finite(name, array)


def _finite(name: str, array: npt.NDArray[Any]) -> Floats:
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"{name} ({array.dtype}) holds a value that is not a finite number")
    return array.astype(np.float64)


def _mean_by_topic(
    name: str, value: npt.ArrayLike | None, n_topics: int, positive: bool = False
) -> tuple[float, ...] | None:
    if value is None:
        return None
    array = as_array(name, value)
    if array.ndim not in (1, 2) or array.shape[-1] != n_topics or 0 in array.shape:
        raise ValueError(
            f"{name} has shape {array.shape}; expected [K] or [D, K] with K = {n_topics}"
        )
    array = _finite(name, array)
    if positive and array.min() <= 0:
        raise ValueError(f"{name} holds {array.min()}; expected numbers > 0")
    return tuple(np.atleast_2d(array).mean(axis=0).tolist())
