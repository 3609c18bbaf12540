"""A training run: what is saved and resumed, and what callbacks watch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ntm_fast.data import Corpus, Subset
from ntm_fast.models import TopicModel
from ntm_fast.optim import Adam
from ntm_fast.settings import TrainingSettings


class StepLoss(NamedTuple):
    """The loss of one training step: means per document of the batch, in nats."""

    epoch: int  # from 1
    step: int  # of the whole run, from 1
    loss: float  # as minimised: with the KL term's weight, free bits and penalties
    log_likelihood: float
    kl: float
    documents: int  # in the batch

    @property
    def elbo(self) -> float:
        """log_likelihood - kl."""
        return self.log_likelihood - self.kl


@dataclass(frozen=True)
class Epoch:
    """Result of an epoch: means per training document in nats, and its speed."""

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
    """The position of a run; with weights, optimiser and generator, all that a checkpoint holds."""

    epoch: int = 0  # epochs finished
    step: int = 0  # steps taken in the epoch that follows
    log_likelihood: float = 0.0  # sums over the documents of those steps
    kl: float = 0.0
    documents: int = 0
    best: float | None = None  # validation ELBO
    best_epoch: int | None = None


@dataclass(frozen=True)
class ResumedFrom:
    """The checkpoint that a run was resumed from, and the documents that it was made with."""

    path: Path
    documents: str  # their hash
    n_documents: int | None  # None in old checkpoints
    n_words: int | None


class Saved(NamedTuple):
    """The checkpoint that holds a run, and after how many epochs."""

    path: Path
    epoch: int


@dataclass(eq=False)
class Run:
    """A training run. The loop moves it, callbacks watch it, a checkpoint holds it.

    Attributes
    ----------
    model : the model that is trained, in training mode (leave it as you find it). Its methods,
        such as `topic_weights` and `elbo`, may be called at any hook
    settings : TrainingSettings
    seed : of every random number of the run
    generator : its state is that at the start of the epoch that `state.step` counts in
    optimiser : Adam
    state : the position: `state.epoch` epochs are finished, `state.step` steps of the next one
    history : an :class:`Epoch` for each finished epoch
    best_weights : those of the best epoch so far, None without validation documents
    facts : further entries of a checkpoint: the "estimator" and "random_state" that the run was
        made with, and "n_documents" where the training documents are a part of a corpus
    corpus : the training documents, None before `fit`
    resumed_from : the checkpoint that the run goes on from, if any
    saved : the last checkpoint of this run, if any
    epochs : epochs that will be finished when `fit` returns, unless it is stopped
    steps_per_epoch : steps of each epoch
    place : the device, and where the documents are, in words
    status : "new", "running", "finished", "interrupted" (by Ctrl-C or `interrupt`) or "failed"
        (by an exception)
    stopped : whether the training ends after the epoch in progress
    interrupted : whether it ends after the step in progress
    diverged : the reason, once the run has diverged
    """

    model: TopicModel
    settings: TrainingSettings
    seed: int
    generator: torch.Generator
    optimiser: torch.optim.Optimizer
    facts: dict[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=State)
    history: list[Epoch] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None
    corpus: Corpus | Subset | None = None
    resumed_from: ResumedFrom | None = None
    saved: Saved | None = None
    epochs: int = 0
    steps_per_epoch: int = 0
    place: str = ""
    status: str = "new"
    stopped: bool = False
    interrupted: bool = False
    diverged: str | None = None
    _hashed: tuple[Corpus | Subset, str] | None = field(default=None, repr=False)
    _clock: tuple[float, int] = field(default=(0.0, 0), repr=False)

    @property
    def step(self) -> int:
        """Steps taken in the whole run."""
        return self.state.epoch * self.steps_per_epoch + self.state.step

    @property
    def n_steps(self) -> int:
        """Steps in the whole run once `epochs` are finished."""
        return self.epochs * self.steps_per_epoch

    @property
    def elbo(self) -> float | None:
        """Mean ELBO of the epoch in progress, None before its first loss is read."""
        state = self.state
        return (state.log_likelihood - state.kl) / state.documents if state.documents else None

    @property
    def documents_per_second(self) -> float:
        """Speed since the epoch in progress began or was resumed, by the losses that are read."""
        began, documents = self._clock
        return (self.state.documents - documents) / seconds_since(began)

    def stop(self) -> None:
        """End the training after the epoch in progress, as a callback's True does."""
        self.stopped = True

    def interrupt(self) -> None:
        """End the training after the step in progress, as Ctrl-C does.

        `fit` then raises :class:`TrainingInterrupted`; a checkpoint continues with the next step.
        """
        self.interrupted = True

    def flush(self) -> None:
        """Bring all weights up to date, before they are read in the middle of an epoch.

        With "deferred-adam", rows of words that recent batches lack have not taken their last
        steps. Taking them early changes the run in its last bits.
        """
        if isinstance(self.optimiser, Adam):
            self.optimiser.flush()

    def hash_of(self, corpus: Corpus | Subset) -> str:
        """The documents' hash, computed once."""
        if self._hashed is None or self._hashed[0] is not corpus:
            self._hashed = corpus, hash_documents(corpus)
        return self._hashed[1]

    def start_clock(self) -> None:
        """Measure `documents_per_second` from now on."""
        self._clock = time.perf_counter(), self.state.documents

    def add(self, losses: Sequence[StepLoss]) -> None:
        """Add the losses of steps to the epoch's sums."""
        state = self.state
        for loss in losses:
            state.log_likelihood += loss.log_likelihood * loss.documents
            state.kl += loss.kl * loss.documents
            state.documents += loss.documents

    def close_epoch(self, epoch: Epoch, generator: torch.Generator) -> None:
        """Note a finished epoch; the next one draws from where this generator is."""
        state = self.state
        self.history.append(epoch)
        state.epoch, state.step = state.epoch + 1, 0
        state.log_likelihood = state.kl = 0.0
        state.documents = 0
        self.generator.set_state(generator.get_state())


def hash_documents(corpus: Corpus | Subset) -> str:
    """Hash of the documents and the vocabulary; a part's is that of a copy of its documents."""
    state = hashlib.blake2b(digest_size=16)
    state.update(np.concatenate([[0], np.cumsum(corpus.document_nonzeros)]).data)
    for name in ("indices", "counts"):
        for block in corpus.blocks():
            state.update(getattr(block, name).data)
    state.update("\n".join(corpus.vocabulary).encode())
    return state.hexdigest()


def seconds_since(begin: float) -> float:
    """Seconds by `time.perf_counter`, more than 0 though a clock may stand still."""
    return max(time.perf_counter() - begin, 1e-9)
