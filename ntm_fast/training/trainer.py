"""The training loop."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, Subset
from ntm_fast.files import path_of
from ntm_fast.models import Loss, TopicModel
from ntm_fast.models.topic_model import draw_seeds
from ntm_fast.settings import TrainingSettings
from ntm_fast.training import checkpoint as checkpoints
from ntm_fast.training.callbacks import (
    BestWeights,
    Callback,
    Checkpoint,
    CtrlC,
    EpochFunction,
    Patience,
    Watchers,
    checked_callbacks,
    watched,
)
from ntm_fast.training.cuda_graphs import RecordedSteps, recorded_steps, why_not
from ntm_fast.training.deferred_rows import DeferredRows
from ntm_fast.training.diagnosis import (
    check_weights,
    first_not_finite,
    loss_diverged,
    validation_elbo,
)
from ntm_fast.training.loaders import Loader, loader_for
from ntm_fast.training.losses import LossReader
from ntm_fast.training.optimiser import optimiser_for
from ntm_fast.training.precision import autocast, matmul_precision
from ntm_fast.training.progress import Progress
from ntm_fast.training.schedules import (
    final_kl_weight,
    kl_weight,
    overlap_is_due,
    phases,
    set_learning_rate,
)
from ntm_fast.training.state import Epoch, Run, State, TrainingInterrupted

logger = logging.getLogger("ntm_fast")


class Trainer:
    """Auto-encoding variational Bayes: Adam on the ELBO of random minibatches.

    Every random number of a run depends on `seed`: the order of the documents and one sampler seed
    a step come from one generator. Two runs give the same bits on one machine with the same number
    of threads.

    Parameters
    ----------
    model : TopicModel
    settings : TrainingSettings
    seed : int, or None to draw it from torch's global generator
    callbacks : what watches the run, see :class:`Callback`
    progress : shorthand for the callback :class:`Progress`
    callback : shorthand for a callback whose `on_epoch` is this function of an :class:`Epoch`;
        training stops when it returns True
    checkpoint : shorthand for the callback :class:`Checkpoint`: a file to save the run to after
        each epoch and at Ctrl-C; a file there that is no checkpoint is not overwritten, but raises
        FileExistsError
    facts : further entries of a checkpoint, see :class:`Run`

    Attributes
    ----------
    run : Run
        Model, settings, optimiser, position and history: what a checkpoint holds.
    """

    def __init__(
        self,
        model: TopicModel,
        settings: TrainingSettings,
        *,
        seed: int | None = None,
        callbacks: Iterable[Callback] = (),
        progress: bool = False,
        callback: Callable[[Epoch], bool | None] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        reason = why_not(settings, model.settings.posterior) if settings.cuda_graphs else None
        if reason is not None:
            raise ValueError(f"cuda_graphs is True, but {reason}; expected False")
        self._ours: list[Callback] = [BestWeights(), Patience()]
        if checkpoint is not None:
            self._ours.append(Checkpoint(checkpoint))
        if progress:
            self._ours.append(Progress())
        if callback is not None:
            self._ours.append(EpochFunction(callback))
        self.callbacks: Iterable[Callback] = checked_callbacks(callbacks)
        seed = int(torch.randint(2**63 - 1, (), device="cpu")) if seed is None else seed
        self.run = Run(
            model,
            settings,
            seed,
            torch.Generator().manual_seed(seed),
            optimiser_for(model, settings),
            dict(facts or {}),
        )
        self._parameters = list(model.parameters())

    @property
    def model(self) -> TopicModel:
        """The run's model."""
        return self.run.model

    @property
    def settings(self) -> TrainingSettings:
        """The run's settings."""
        return self.run.settings

    @property
    def state(self) -> State:
        """The run's position."""
        return self.run.state

    @property
    def history(self) -> list[Epoch]:
        """The run's finished epochs."""
        return self.run.history

    def resume(self, path: str | os.PathLike[str], corpus: Corpus | Subset | None = None) -> None:
        """Take up the run saved at `path`; `fit` then continues it, bit for bit.

        Given the corpus that `fit` will get, other documents are found at once.

        Raises FileNotFoundError; ValueError if the file is damaged, foreign, or of other documents;
        MismatchError, a ValueError, naming a setting that differs. The trainer is then unchanged.
        """
        checkpoints.load(self.run, path_of(path), corpus)

    def fit(
        self,
        corpus: Corpus | Subset,
        validation: Corpus | Subset | None = None,
        *,
        epochs: int | None = None,
    ) -> list[Epoch]:
        """Train until `epochs` (default: the settings') are finished, and return the history.

        From a memory-mapped corpus only the documents of a batch are copied, so it may be larger
        than memory; the documents of a `Subset` of one are used where they are.

        With validation documents the weights of the epoch with the best validation ELBO are
        restored at the end, and patience may stop the run early.

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
        run, settings = self.run, self.settings
        callbacks = [*self._ours, *checked_callbacks(self.callbacks), CtrlC()]
        for documents in (corpus,) if validation is None else (corpus, validation):
            run.model.check_corpus(documents)
        if run.resumed_from is not None:
            n_documents = run.facts.get("n_documents")
            checkpoints.check_corpus(run.resumed_from, corpus, run.hash_of(corpus), n_documents)
        run.facts.setdefault("n_documents", len(corpus))
        reserved = 4 * sum(p.nbytes for p in self._parameters)  # gradients, Adam, working memory
        loader = loader_for(corpus, run.model.device, run.model.decoder.ops, reserved)
        logger.info("training on %s", loader.place)
        rows = torch.from_numpy(np.flatnonzero(corpus.document_nonzeros))  # no empty ones
        if not rows.numel():
            raise ValueError(f"corpus has {len(corpus)} documents, every one empty; expected words")
        run.corpus = corpus
        run.epochs = settings.epochs if epochs is None else epochs
        run.steps_per_epoch = -(-rows.numel() // settings.batch_size)
        run.place, run.stopped, run.interrupted, run.diverged = loader.place, False, False, None
        recorded = recorded_steps(settings, loader, self.train_on)
        with (
            torch.enable_grad(),
            matmul_precision(settings.precision),
            phases(run.model, settings) as enter_phase,
            DeferredRows(run, corpus) as deferred,
            watched(run, callbacks) as watch,
        ):
            while run.state.epoch < run.epochs and not run.stopped:
                generator = self._take_steps(loader, rows, recorded, enter_phase, deferred, watch)
                epoch = self._finished_epoch(validation)
                run.close_epoch(epoch, generator)
                watch.epoch(epoch)
        return run.history

    def _take_steps(
        self,
        loader: Loader,
        rows: Tensor,
        recorded: RecordedSteps | None,
        enter_phase: Callable[[int, int], None],
        deferred: DeferredRows,
        watch: Watchers,
    ) -> torch.Generator:
        """Take the steps that are left of an epoch; returns the generator as it is at its end."""
        run, state, settings = self.run, self.run.state, self.run.settings
        # Drawn from a copy: until the epoch is finished, the run's generator can draw it again.
        generator = torch.Generator()
        generator.set_state(run.generator.get_state())
        order = rows[torch.randperm(rows.numel(), generator=generator, device="cpu")]
        parts = order.split(settings.batch_size)
        draws = draw_seeds(generator, len(parts))
        seeds = draws.unbind()
        seeds_there = draws.to(run.model.device).unbind() if recorded else seeds
        reader = LossReader(run, loader, parts, seeds)
        run.start_clock()
        run.model.train()
        left = parts[state.step :]
        for batch in loader.batches(left) if recorded is None else recorded.loader.rows(left):
            step = state.step
            epochs = state.epoch + step / len(parts)
            weight = kl_weight(settings, epochs)
            diversity = overlap_is_due(settings, state.epoch, step, len(parts))
            set_learning_rate(run.optimiser, settings, epochs)
            enter_phase(state.epoch, step)
            if isinstance(batch, Bags):
                deferred.catch_up(batch)
                try:
                    loss = self.loss(batch, seeds[step], weight, diversity)
                except ValueError as error:  # an op refuses a posterior that has diverged
                    reader.read()
                    if first_not_finite(run.model, batch, seeds[step]) is None:
                        raise
                    raise loss_diverged(run, step, batch, seeds[step]) from error
                losses = reader.add(loss)  # before a loss that is not finite moves the weights
                self.step(loss)
            else:
                assert recorded is not None
                losses = reader.add(recorded(*batch, seeds_there[step], weight, diversity))
            state.step += 1
            if losses:
                watch.losses(losses)
            if run.interrupted:
                watch.losses(reader.read())
                check_weights(run)
                watch.interrupt()
                raise TrainingInterrupted(None if run.saved is None else run.saved.path)
        return generator

    def _finished_epoch(self, validation: Corpus | Subset | None) -> Epoch:
        run, state = self.run, self.run.state
        rate = run.documents_per_second
        run.flush()
        check_weights(run)
        return Epoch(
            epoch=state.epoch + 1,
            elbo=(state.log_likelihood - state.kl) / state.documents,
            log_likelihood=state.log_likelihood / state.documents,
            kl=state.kl / state.documents,
            kl_weight=final_kl_weight(run.settings, state.epoch + 1),
            validation_elbo=None if validation is None else validation_elbo(run, validation),
            documents_per_second=rate,
        )

    def loss(
        self, batch: Bags, seed: Tensor, weight: Tensor | float, diversity: bool = True
    ) -> Loss:
        """The loss of a batch at a weight of the KL term; on a GPU nothing waits for it.

        `diversity` says whether the penalty for overlapping topics is due (`overlap_is_due`).
        """
        settings = self.run.settings
        penalty: Tensor | float = settings.diversity * settings.diversity_every * diversity
        if penalty and settings.kl_weight > 0:
            # It rises with the KL term's weight: topics form before they part.
            penalty = penalty * weight / settings.kl_weight
        model = self.run.model
        with autocast(model.device, settings.autocast):
            return model.loss(batch, seed, weight, settings.n_samples, settings.free_bits, penalty)

    def step(self, loss: Loss) -> None:
        """Move the parameters down the gradient of a loss; on a GPU nothing waits for it."""
        for parameter in self._parameters:  # zero_grad, which is slower
            parameter.grad = None
        loss.loss.backward()
        self.run.optimiser.step()

    def train_on(
        self, batch: Bags, seed: Tensor, weight: Tensor | float, diversity: bool = True
    ) -> Loss:
        """`loss` and `step`."""
        loss = self.loss(batch, seed, weight, diversity)
        self.step(loss)
        return loss
