"""Where a training run is, and what it has come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: means per training document in nats, and its speed."""

    epoch: int
    elbo: float
    log_likelihood: float
    kl: float
    kl_weight: float
    validation_elbo: float | None
    documents_per_second: float


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended the training after a whole step; `checkpoint` is the file to resume from."""

    def __init__(self, checkpoint: Path | None) -> None:
        where = "without a checkpoint" if checkpoint is None else f"saved to {checkpoint}"
        super().__init__(f"training interrupted, {where}")
        self.checkpoint = checkpoint


@dataclass
class State:
    """Where a run is; with weights, optimiser and generator, all that a checkpoint holds."""

    epoch: int = 0  # epochs finished
    step: int = 0  # steps taken in the epoch that follows
    log_likelihood: float = 0.0  # sums over the documents of those steps
    kl: float = 0.0
    documents: int = 0
    best: float | None = None  # validation ELBO
    best_epoch: int | None = None
