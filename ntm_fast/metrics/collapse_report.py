"""What a search for collapse found, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

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
