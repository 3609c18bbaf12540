"""Signs that a topic model has collapsed: idle topics, twins, an encoder that says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ntm_fast.metrics.topics import as_array, check_int, check_top_words
from ntm_fast.metrics.topics import top_words as best_words

__all__ = ["CollapseReport", "DuplicatePair", "collapse"]

Floats = npt.NDArray[np.float64]


class DuplicatePair(NamedTuple):
    """Two topics, first < second, that say nearly the same."""

    first: int
    second: int
    correlation: float  # of their rows of components, in [-1, 1]
    shared_words: int  # among their top words


@dataclass(frozen=True)
class CollapseReport:
    """What `collapse` found; `str(report)` says it in sentences."""

    n_documents: int
    n_topics: int
    documents_led: tuple[int, ...]
    """Documents in which each topic is strictly the largest [K]."""
    never_dominant: tuple[int, ...]
    """Topics that lead no document."""
    duplicates: tuple[DuplicatePair, ...]
    """Pairs above either threshold, most alike first."""
    effective_topics: float
    """exp(entropy of the corpus's mean θ), between 1 and K."""
    topics_per_document: float
    """exp(mean entropy of a document's θ), between 1 and `effective_topics`."""
    n_top_words: int
    """Words per topic that `DuplicatePair.shared_words` is out of."""
    kl_per_topic: tuple[float, ...] | None = None
    """Mean KL of each topic over documents, nats [K]."""
    inactive: tuple[int, ...] = ()
    """Topics whose mean KL is below `kl_threshold`."""
    kl_threshold: float = 0.01
    mean_alpha: tuple[float, ...] | None = None
    """Mean concentration of each topic over documents [K]."""

    @property
    def mutual_information(self) -> float:
        """Nats that θ tells about which document it is of: log(effective / per document)."""
        return float(np.log(self.effective_topics / self.topics_per_document))

    def __str__(self) -> str:
        return "\n".join(self.summary())

    def summary(self) -> list[str]:
        """Plain sentences, the gravest sign first in each."""
        k = self.n_topics
        lines = [
            f"{len(self.never_dominant)} of {k} topics lead none of {self.n_documents:,} documents"
            + _listed(self.never_dominant),
        ]
        pairs = [f"{p.first} and {p.second}" for p in self.duplicates]
        lines.append(
            f"{len(pairs)} pairs of topics are near-duplicates"
            + _listed(pairs)
        )
        lines.append(
            f"The corpus uses {self.effective_topics:.1f} topics in effect, "
            f"a document {self.topics_per_document:.1f}."
        )
        return lines


def _listed(items: Any) -> str:
    return str(items)


def collapse(
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
    """x"""
    raise NotImplementedError
