"""The training loop."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.data import Batch, Corpus, Part
from ntm_fast.data.files import path_of
from ntm_fast.models import Loss, TopicModel
from ntm_fast.models.topic_model import draw_seeds, evaluating, in_chunks
from ntm_fast.ops._device_errors import raise_device_errors
from ntm_fast.training import checkpoints
from ntm_fast.training.deferral import Deferral
from ntm_fast.training.diagnosis import NotFiniteError, first_not_finite, weight_not_finite
from ntm_fast.training.feed import Feed, Resident, feed_for
from ntm_fast.training.interrupt import Interrupt
from ntm_fast.training.optimiser import optimiser_for
from ntm_fast.training.precision import autocast, matmul_precision
from ntm_fast.training.progress import Bar
from ntm_fast.training.replay import CudaRecorder, Replays, why_not
from ntm_fast.training.saved_run import SavedRun
from ntm_fast.training.schedules import (
    final_kl_weight,
    kl_weight,
    overlap_is_due,
    phases,
    set_learning_rate,
)
from ntm_fast.training.settings import TrainingSettings
from ntm_fast.training.state import Epoch, State, TrainingInterrupted

logger = logging.getLogger("ntm_fast")
READ_EVERY = 50  # steps between looks at the loss on a GPU, each of which waits for it


class Trainer:
    """Auto-encoding variational Bayes: Adam on the ELBO of random minibatches.

    Every random number of a run hangs on `seed`: the order of the documents and one sampler seed
    a step come from one generator, so that two runs give the same bits on one machine with the
    same number of threads.

    Parameters
    ----------
    model : TopicModel
    settings : TrainingSettings
    seed : int, or None to draw it from torch's global generator
    progress : whether to show a progress bar
    callback : called with each :class:`Epoch`; training stops when it returns True
    checkpoint : file to save the run's state to after each epoch and at Ctrl-C; a file there that
        is no checkpoint is not overwritten, but raises FileExistsError
    facts : what a checkpoint says of the run besides: the "estimator" and "random_state" that it
        was made with, and "n_documents" where the corpus to `fit` is a part of them
    """

    def __init__(
        self,
        model: TopicModel,
        settings: TrainingSettings,
        *,
        seed: int | None = None,
        progress: bool = False,
        callback: Callable[[Epoch], bool | None] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        reason = why_not(settings, model.settings.posterior) if settings.cuda_graphs else None
        if reason is not None:
            raise ValueError(f"cuda_graphs is True, but {reason}; expected False")
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r}; expected a function or None")
        self.model, self.settings = model, settings
        self.progress, self.callback = progress, callback
        self.checkpoint = None if checkpoint is None else path_of(checkpoint)
        if self.checkpoint is not None and self.checkpoint.is_dir():
            raise IsADirectoryError(f"checkpoint is a folder; expected a file: {self.checkpoint}")
        if self.checkpoint is not None:
            checkpoints.check_replaceable(self.checkpoint)
        self.facts = dict(facts or {})
        self.seed = int(torch.randint(2**63 - 1, (), device="cpu")) if seed is None else seed
        self.generator = torch.Generator().manual_seed(self.seed)
        self.optimiser = optimiser_for(model, settings)
        self._parameters = list(model.parameters())
        self.state = State()
        self.history: list[Epoch] = []
        self.best_weights: dict[str, Tensor] | None = None
        self._stopped = False  # by the callback
        self.resumed_from: SavedRun | None = None
        self.documents = ""  # their hash, where a checkpoint needs it
        self._hashed: Corpus | Part | None = None
        self._kept: int | None = None  # the epoch of this run that the checkpoint holds

    def resume(self, path: str | os.PathLike[str], corpus: Corpus | Part | None = None) -> None:
        """Take up the run saved at `path`; `fit` then continues it, bit for bit.

        With the corpus that `fit` will be given, other documents are found at once.

        Raises FileNotFoundError; ValueError where the file is damaged, foreign, or of other
        documents; MismatchError, a ValueError, naming a setting that is another. The trainer is
        then as before.
        """
        path = path_of(path)
        checkpoints.load(self, path, corpus)
        if self.checkpoint is not None and self.checkpoint.resolve() == path.resolve():
            self._kept = self.state.epoch

    def hash_of(self, corpus: Corpus | Part) -> str:
        """The documents' hash, made once."""
        if self._hashed is not corpus:
            self.documents, self._hashed = checkpoints.digest(corpus), corpus
        return self.documents

    def fit(
        self,
        corpus: Corpus | Part,
        validation: Corpus | Part | None = None,
        *,
        epochs: int | None = None,
    ) -> list[Epoch]:
        """Train until `epochs` (default: the settings') are done, and return the history.

        Of a memory-mapped corpus only the documents of a batch are copied, so that it may be
        larger than memory; a `Part` of one has its documents trained on where they are.

        With validation documents the weights of the epoch with the best validation ELBO are
        restored in the end, and patience may stop the run early.

        Raises
        ------
        NotFiniteError
            At the first loss that is not finite, naming the step and the tensor; at weights or a
            validation ELBO that are not, after an epoch.
        TypeError, ValueError
            If corpus or validation is no corpus of the model's words, or every document is empty.
        TrainingInterrupted
            After Ctrl-C, once the step is done and the checkpoint saved.
        """
        end = self.settings.epochs if epochs is None else epochs
        self._stopped = False
        for documents in (corpus,) if validation is None else (corpus, validation):
            self.model.check_corpus(documents)
        if self.checkpoint is not None or self.resumed_from is not None:
            self.hash_of(corpus)
        if self.resumed_from is not None:
            checkpoints.check_corpus(
                self.resumed_from, corpus, self.documents, self.facts.get("n_documents")
            )
        self.facts.setdefault("n_documents", len(corpus))
        feed = self._feed(corpus)
        self._replays = self._replayed(feed)
        logger.info("training on %s", feed.place)
        rows = torch.from_numpy(np.flatnonzero(corpus.document_nonzeros))  # no empty ones
        if not rows.numel():
            raise ValueError(f"corpus has {len(corpus)} documents, every one empty; expected words")
        steps = -(-rows.numel() // self.settings.batch_size)
        with (
            Bar(end, steps, enabled=self.progress, heading=f"on {feed.place}") as bar,
            Interrupt() as interrupt,
            torch.enable_grad(),
            matmul_precision(self.settings.precision),
            phases(self.model, self.settings) as self._enter,
            Deferral(self.model, self.optimiser, self.settings, corpus) as self._deferral,
        ):
            while self.state.epoch < end and not self._stopped and not self._out_of_patience():
                self._epoch(feed, rows, bar, interrupt)
                self._close_epoch(validation)
                self._save()
        self._restore_best()
        return self.history

    def _epoch(self, feed: Feed, rows: Tensor, bar: Bar, interrupt: Interrupt) -> None:
        state, settings = self.state, self.settings
        start = self.generator.get_state()
        order = rows[torch.randperm(rows.numel(), generator=self.generator, device="cpu")]
        parts = order.split(settings.batch_size)
        draws = draw_seeds(self.generator, len(parts))
        seeds = draws.unbind()
        read_every = 1 if self.model.device.type == "cpu" else READ_EVERY
        pending: list[Loss] = []
        begin, documents_before = time.perf_counter(), state.documents
        self.model.train()
        replays = self._replays
        seeds_there = draws.to(self.model.device).unbind() if replays else seeds
        left = parts[state.step :]
        for batch in feed.batches(left) if replays is None else replays.feed.places(left):
            step = state.step
            epochs = state.epoch + step / len(parts)
            weight = kl_weight(settings, epochs)
            overlap = overlap_is_due(settings, state.epoch, step, len(parts))
            set_learning_rate(self.optimiser, settings, epochs)
            self._enter(state.epoch, step)
            if isinstance(batch, Bags):
                self._deferral.catch_up(batch)
                try:
                    loss = self.loss(batch, seeds[step], weight, overlap)
                except ValueError as error:  # what an op says of a posterior that has diverged
                    self._read(pending, step, feed, parts, seeds)
                    if first_not_finite(self.model, batch, seeds[step]) is None:
                        raise
                    raise self._loss_diverged(step, batch, seeds[step]) from error
            else:
                assert replays is not None
                loss = replays(*batch, seeds_there[step], weight, overlap)
            pending.append(loss)
            if len(pending) >= read_every or step + 1 == len(parts):
                self._read(pending, step + 1, feed, parts, seeds)
            if replays is None:
                self.step(loss)
            state.step += 1
            if not pending:
                rate = (state.documents - documents_before) / seconds_since(begin)
                elbo = (state.log_likelihood - state.kl) / state.documents
                bar.show(state.epoch, state.step, elbo, rate)
            if interrupt.requested:
                self._read(pending, step + 1, feed, parts, seeds)
                self._stop(start)
        self.rate = (state.documents - documents_before) / seconds_since(begin)

    def loss(
        self, batch: Batch, seed: Tensor, weight: Tensor | float, overlap: bool = True
    ) -> Loss:
        """The loss of a batch at a weight of the KL term; on a GPU nothing waits for it.

        `overlap` says whether it pays for the topics' overlap (`overlap_is_due`).
        """
        settings = self.settings
        diversity: Tensor | float = settings.diversity * settings.diversity_every * overlap
        if diversity and settings.kl_weight > 0:
            # By and by, as the KL term: topics form before they part.
            diversity = diversity * weight / settings.kl_weight
        with autocast(self.model.device, settings.autocast):
            return self.model.loss(
                batch, seed, weight, settings.n_samples, settings.free_bits, diversity
            )

    def step(self, loss: Loss) -> None:
        """Move the parameters down the gradient of a loss; on a GPU nothing waits for it."""
        for parameter in self._parameters:  # zero_grad, which is slower
            parameter.grad = None
        loss.loss.backward()
        self.optimiser.step()

    def train_on(
        self, batch: Batch, seed: Tensor, weight: Tensor | float, overlap: bool = True
    ) -> Loss:
        """`loss` and `step`."""
        loss = self.loss(batch, seed, weight, overlap)
        self.step(loss)
        return loss

    def _replayed(self, feed: Feed) -> Replays | None:
        if not (self.settings.cuda_graphs and isinstance(feed, Resident)):
            return None
        if self.model.device.type != "cuda":
            return None
        return Replays(feed, self.train_on, CudaRecorder(self.model.device))

    def _feed(self, corpus: Corpus | Part) -> Feed:
        reserved = 4 * sum(p.nbytes for p in self._parameters)  # gradients, Adam, working memory
        return feed_for(corpus, self.model.device, self.model.decoder.ops, reserved)

    def _read(
        self,
        pending: list[Loss],
        steps: int,
        feed: Feed,
        parts: tuple[Tensor, ...],
        seeds: tuple[Tensor, ...],
    ) -> None:
        """Add the pending losses to the epoch's sums, or stop at one that is not finite.

        They are the last ones of the epoch's first `steps`.
        """
        if not pending:
            return
        values = torch.stack([term.detach() for loss in pending for term in loss]).tolist()
        refused: ValueError | None = None
        if self.model.device.type == "cuda":
            try:
                raise_device_errors()  # now that the GPU has been waited for
            except ValueError as error:
                refused = error
        first = steps - len(pending)
        for offset in range(len(pending)):
            step = first + offset
            loss, log_likelihood, kl = values[3 * offset : 3 * offset + 3]
            if not math.isfinite(loss):
                batch = feed.batch(parts[step])
                raise self._loss_diverged(step, batch, seeds[step]) from refused
            n_documents = parts[step].numel()
            self.state.log_likelihood += log_likelihood * n_documents
            self.state.kl += kl * n_documents
            self.state.documents += n_documents
        pending.clear()
        if refused is not None:
            raise refused

    def _loss_diverged(self, step: int, batch: Batch, seed: Tensor) -> NotFiniteError:
        name = first_not_finite(self.model, batch, seed) or "the mean over the batch"
        place = f"epoch {self.state.epoch + 1}, step {step + 1}"
        return self._diverged(f"the loss is not finite at {place}: first in {name}")

    def _diverged(self, what: str) -> NotFiniteError:
        """The error to raise; a checkpoint of the run is told not to lead there again."""
        if self.checkpoint is not None and self._kept is not None:
            with suppress(OSError, ValueError):  # such as a full disk
                checkpoints.mark_diverged(self.checkpoint, what)
        advice = f"A lower learning_rate may help (it is {self.settings.learning_rate})"
        kept = None if self._kept is None else self.checkpoint
        return NotFiniteError(f"{what}. {advice}", kept, self._kept or 0)

    def _check_weights(self) -> None:
        name = weight_not_finite(self.model)
        if name is not None:
            step = f"step {self.state.step}"
            raise self._diverged(f"{name} is not finite after epoch {self.state.epoch + 1}, {step}")

    def _save(self) -> None:
        if self.checkpoint is not None:
            checkpoints.save(self, self.checkpoint)
            self._kept = self.state.epoch

    def _stop(self, generator_state: Tensor) -> None:
        self._check_weights()
        if self.checkpoint is not None:
            now = self.generator.get_state()
            self.generator.set_state(generator_state)  # the epoch's order is drawn again
            self._save()
            self.generator.set_state(now)
        self._restore_best()
        raise TrainingInterrupted(self.checkpoint)

    def _close_epoch(self, validation: Corpus | Part | None) -> None:
        state, settings = self.state, self.settings
        self._deferral.flush()
        self._check_weights()
        score = None if validation is None else self._validation_elbo(validation)
        record = Epoch(
            epoch=state.epoch + 1,
            elbo=(state.log_likelihood - state.kl) / state.documents,
            log_likelihood=state.log_likelihood / state.documents,
            kl=state.kl / state.documents,
            kl_weight=final_kl_weight(settings, state.epoch + 1),
            validation_elbo=score,
            documents_per_second=self.rate,
        )
        self.history.append(record)
        state.epoch, state.step = state.epoch + 1, 0
        state.log_likelihood = state.kl = 0.0
        state.documents = 0
        # While the KL term is still being turned up, a better ELBO says little.
        full = record.kl_weight == settings.kl_weight
        if full and score is not None and (state.best is None or score > state.best):
            state.best, state.best_epoch = score, state.epoch
            weights = self.model.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        self._stopped = self.callback is not None and bool(self.callback(record))

    def _validation_elbo(self, documents: Corpus | Part) -> float:
        refused: ValueError | None = None
        try:
            score = float(self.model.elbo(documents, seed=0).double().mean())
        except ValueError as error:
            score, refused = math.nan, error
        if math.isfinite(score):
            return score
        name = None
        with evaluating(self.model), torch.no_grad():
            for batch, _ in in_chunks(documents, self.model.device, self.model.decoder.ops):
                name = name or first_not_finite(self.model, batch, torch.tensor(0))
        if refused is not None and name is None:
            raise refused
        raise self._diverged(
            f"the validation ELBO is not finite after epoch {self.state.epoch + 1}: first in"
            f" {name or 'the mean over the documents'}"
        ) from refused

    def _out_of_patience(self) -> bool:
        patience, best = self.settings.patience, self.state.best_epoch
        return patience is not None and best is not None and self.state.epoch - best >= patience

    def _restore_best(self) -> None:
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)


def seconds_since(begin: float) -> float:
    """Seconds by `time.perf_counter`, more than 0 though a clock may stand still."""
    return max(time.perf_counter() - begin, 1e-9)
