"""Training the rows of the encoder's first layer only when a batch has their words."""

from __future__ import annotations

from types import TracebackType

import numpy as np

from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, Subset
from ntm_fast.models import TopicModel
from ntm_fast.optim import Adam
from ntm_fast.settings import TrainingSettings
from ntm_fast.training.state import Run

WORTH_WAITING = 1 << 18  # elements of the layer; fewer stay in the cache
MOST_TOUCHED = 0.25  # share of the rows that a batch may touch
SAMPLE = 20_000  # documents from which that share is estimated


class DeferredRows:
    """Within the block, a batch moves only the rows of its own words, if the settings ask for it.

    The encoder's first layer then has a sparse gradient. Call `catch_up` before the model reads
    a batch, and `Run.flush` before anything else reads the layer; leaving the block flushes.
    """

    def __init__(self, run: Run, corpus: Corpus | Subset) -> None:
        self.run, asked = run, run.settings.optimiser
        self._applies = isinstance(run.optimiser, Adam) and (
            asked == "lazy-adam"
            or (asked == "deferred-adam" and pays(run.model, run.settings, corpus))
        )

    def __enter__(self) -> DeferredRows:
        self.run.model.encoder.sparse_gradient = self._applies
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run.model.encoder.sparse_gradient = False
        self.run.flush()

    def catch_up(self, batch: Bags) -> None:
        """Bring the rows of the batch's words up to date."""
        if self._applies and isinstance(self.run.optimiser, Adam):
            self.run.optimiser.catch_up(self.run.model.encoder.weight, batch.indices)


def pays(model: TopicModel, settings: TrainingSettings, corpus: Corpus | Subset) -> bool:
    """Whether batches touch so few rows of a large layer that postponing the others saves time."""
    n = min(len(corpus), SAMPLE)
    if model.encoder.weight.numel() < WORTH_WAITING or n == 0:
        return False
    share = (
        np.bincount(corpus[:n].indices, minlength=corpus.n_words) / n
    )  # of the documents, by word
    touched = 1 - (1 - np.minimum(share, 1)) ** settings.batch_size
    return float(touched.mean()) <= MOST_TOUCHED
