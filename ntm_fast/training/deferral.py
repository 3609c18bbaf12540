"""When the rows of the encoder's first layer take their steps."""

from __future__ import annotations

from types import TracebackType

import torch

from ntm_fast.data import Batch
from ntm_fast.models import TopicModel
from ntm_fast.training.optimiser import Adam
from ntm_fast.training.settings import TrainingSettings

WORTH_WAITING = 1 << 18  # elements of the layer; fewer stay in the cache
MOST_TOUCHED = 0.25  # share of the rows that a batch may touch


class Deferral:
    """Within the block, a batch moves the rows of its own words alone, if the settings say so.

    The encoder's first layer then has a sparse gradient. Call `catch_up` before the model reads
    a batch, and `flush` before anything else reads the layer; leaving the block flushes.
    """

    def __init__(
        self, model: TopicModel, optimiser: torch.optim.Optimizer, settings: TrainingSettings
    ) -> None:
        self.model, self.optimiser, self.settings = model, optimiser, settings
        self._decided = False

    def __enter__(self) -> Deferral:
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
        if not self._decided:
            self.model.encoder.sparse_gradient = self._pays(batch)
            self._decided = True
        if self.model.encoder.sparse_gradient and isinstance(self.optimiser, Adam):
            self.optimiser.catch_up(self.model.encoder.weight, batch.indices)

    def flush(self) -> None:
        """Bring all rows up to date."""
        if isinstance(self.optimiser, Adam):
            self.optimiser.flush()

    def _pays(self, batch: Batch) -> bool:
        if not isinstance(self.optimiser, Adam) or self.settings.optimiser == "adam":
            return False
        if self.settings.optimiser == "lazy-adam":
            return True
        # Rows that most batches touch gain nothing by waiting. The bits are the same either way.
        touched = batch.indices.unique().numel()
        large = self.model.encoder.weight.numel() >= WORTH_WAITING
        return large and touched <= MOST_TOUCHED * self.model.n_words
