"""When the rows of the encoder's first layer take their steps."""

from __future__ import annotations

from types import TracebackType

import numpy as np
import torch

from ntm_fast.data import Batch, Corpus, Subset
from ntm_fast.models import TopicModel
from ntm_fast.settings import TrainingSettings
from ntm_fast.training.optimiser import Adam

WORTH_WAITING = 1 << 18  # elements of the layer; fewer stay in the cache
MOST_TOUCHED = 0.25  # share of the rows that a batch may touch
SAMPLE = 20_000  # documents from which that share is foretold


class Deferral:
    """Within the block, a batch moves the rows of its own words alone, if the settings say so.

    The encoder's first layer then has a sparse gradient. Call `catch_up` before the model reads
    a batch, and `flush` before anything else reads the layer; leaving the block flushes.
    """

    def __init__(
        self,
        model: TopicModel,
        optimiser: torch.optim.Optimizer,
        settings: TrainingSettings,
        corpus: Corpus | Subset,
    ) -> None:
        self.model, self.optimiser = model, optimiser
        self._applies = isinstance(optimiser, Adam) and (
            settings.optimiser == "lazy-adam"
            or (settings.optimiser == "deferred-adam" and pays(model, settings, corpus))
        )

    def __enter__(self) -> Deferral:
        self.model.encoder.sparse_gradient = self._applies
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.model.encoder.sparse_gradient = False
        self.flush()

    def catch_up(self, batch: Batch) -> None:
        """Bring the rows of the batch's words up to date."""
        if self._applies and isinstance(self.optimiser, Adam):
            self.optimiser.catch_up(self.model.encoder.weight, batch.indices)

    def flush(self) -> None:
        """Bring all rows up to date."""
        if isinstance(self.optimiser, Adam):
            self.optimiser.flush()


def pays(model: TopicModel, settings: TrainingSettings, corpus: Corpus | Subset) -> bool:
    """Whether a batch leaves enough of a large layer alone for its rows to gain by waiting."""
    n = min(len(corpus), SAMPLE)
    if model.encoder.weight.numel() < WORTH_WAITING or n == 0:
        return False
    share = (
        np.bincount(corpus[:n].indices, minlength=corpus.n_words) / n
    )  # of the documents, by word
    touched = 1 - (1 - np.minimum(share, 1)) ** settings.batch_size
    return float(touched.mean()) <= MOST_TOUCHED
