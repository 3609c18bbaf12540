"""Callbacks: what watches a run, logs it or stops it. Ours for the training itself are here too."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

from ntm_fast.files import path_of
from ntm_fast.training import checkpoint
from ntm_fast.training.state import Epoch, Run, Saved, StepLoss, TrainingInterrupted


class Callback:
    """Base class of callbacks: override the hooks that you need.

    ::

        class StopAt(Callback):
            def __init__(self, elbo):
                self.elbo = elbo

            def on_epoch(self, run, epoch):
                return epoch.elbo >= self.elbo

        ProdLDA(50).fit(counts, callbacks=[StopAt(-700.0), JSONLines("run.jsonl")])

    Callbacks are called in the order of their list, after those that keep the best weights and the
    checkpoint: an epoch whose `on_epoch` raises is saved already. An exception ends the training
    and leaves the run whole, so that another `fit` of the trainer, or the checkpoint, continues
    it. Calling `run.stop()` or `run.interrupt()` at any hook ends the training too.
    """

    def on_start(self, run: Run) -> None:
        """The training begins or continues, before its first step."""

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        """Losses have been read, of steps that are all taken by now, in their order.

        On the CPU that is after each step. On a GPU it is after every 50 steps, and after the last
        one of an epoch, since reading a loss waits for the GPU.
        """

    def on_epoch(self, run: Run, epoch: Epoch) -> bool | None:
        """An epoch is finished, its validation included; return True to stop the training."""
        return None

    def on_interrupt(self, run: Run) -> None:
        """Ctrl-C or `run.interrupt()` ends the training, in the middle of an epoch.

        The weights are those of the last step; `on_end` follows.
        """

    def on_end(self, run: Run) -> None:
        """The training has ended, as `run.status` says: the place to close files.

        It is called for each callback whose `on_start` returned, whatever happened since. Unless
        the training failed, the weights are those of the best epoch, if there is one.
        """


class EpochFunction(Callback):
    """Calls a function with each :class:`Epoch`; training stops when it returns True."""

    def __init__(self, function: Callable[[Epoch], bool | None]) -> None:
        if not callable(function):
            raise TypeError(f"callback is {function!r}; expected a function or None")
        self.function = function

    def on_epoch(self, run: Run, epoch: Epoch) -> bool | None:
        return self.function(epoch)


class BestWeights(Callback):
    """Keeps the weights of the epoch with the best validation ELBO, and restores them."""

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        state, score = run.state, epoch.validation_elbo
        # While the weight of the KL term still rises, a better ELBO says little.
        if score is None or epoch.kl_weight != run.settings.kl_weight:
            return
        if state.best is None or score > state.best:
            state.best, state.best_epoch = score, epoch.epoch
            weights = run.model.state_dict()
            run.best_weights = {name: value.clone() for name, value in weights.items()}

    def on_end(self, run: Run) -> None:
        if run.best_weights is not None and run.status != "failed":
            run.flush()  # else rows that wait would take their steps from the best weights
            run.model.load_state_dict(run.best_weights)


class Patience(Callback):
    """Stops a run whose validation ELBO has not improved for `settings.patience` epochs."""

    def on_start(self, run: Run) -> None:
        if self._is_over(run):  # as of a run that was stopped and is resumed
            run.stop()

    def on_epoch(self, run: Run, epoch: Epoch) -> bool:
        return self._is_over(run)

    @staticmethod
    def _is_over(run: Run) -> bool:
        patience, best = run.settings.patience, run.state.best_epoch
        return patience is not None and best is not None and run.state.epoch - best >= patience


class Checkpoint(Callback):
    """Saves the run to a file after each epoch, and at Ctrl-C; `Trainer.resume` continues it.

    Raises FileExistsError for a file that is no checkpoint: it is not replaced.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path_of(path)
        if self.path.is_dir():
            raise IsADirectoryError(f"checkpoint is a folder; expected a file: {self.path}")
        checkpoint.check_replaceable(self.path)

    def save(self, run: Run) -> None:
        """Save the run now; may be called at any hook."""
        checkpoint.save(run, self.path)
        run.saved = Saved(self.path, run.state.epoch)

    def on_start(self, run: Run) -> None:
        source = run.resumed_from
        if (
            run.saved is None
            and source is not None
            and source.path.resolve() == self.path.resolve()
        ):
            run.saved = Saved(self.path, run.state.epoch)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        self.save(run)

    def on_interrupt(self, run: Run) -> None:
        self.save(run)

    def on_end(self, run: Run) -> None:
        if run.diverged is not None and run.saved is not None:
            with suppress(OSError, ValueError):  # such as a full disk
                checkpoint.mark_diverged(run.saved.path, run.diverged)


class CtrlC(Callback):
    """Makes the first SIGINT wait for the end of a step; a second one raises KeyboardInterrupt.

    It does nothing outside the main thread, where Python delivers no signals, nor when Python is
    embedded in a program whose own SIGINT handler could not be restored.
    """

    def __init__(self) -> None:
        self._before: Any = None

    def on_start(self, run: Run) -> None:
        def handle(number: int, frame: FrameType | None) -> None:
            if run.interrupted:
                raise KeyboardInterrupt
            run.interrupt()

        ours = signal.getsignal(signal.SIGINT) is not None
        if ours and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, handle)

    def on_end(self, run: Run) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None


def checked_callbacks(callbacks: Iterable[Callback]) -> list[Callback]:
    """The callbacks as a list; TypeError for what is none, ValueError for one that comes twice."""
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks is {callbacks!r}; expected a list of callbacks")
    found = list(callbacks)
    for at, callback in enumerate(found):
        if not isinstance(callback, Callback):
            fault = "not a class" if isinstance(callback, type) else "see ntm_fast.Callback"
            raise TypeError(f"callbacks[{at}] is {callback!r:.80}; expected a Callback, {fault}")
        if any(callback is other for other in found[:at]):
            raise ValueError(f"callbacks[{at}] is in the list already: {callback!r:.80}")
    return found


class Watchers:
    """The callbacks of a run whose training is going on."""

    def __init__(self, run: Run, callbacks: Sequence[Callback]) -> None:
        self._run, self._callbacks = run, callbacks
        # In every step: those that do nothing there are not called.
        self._of_losses = [
            callback.on_losses
            for callback in callbacks
            if getattr(callback.on_losses, "__func__", None) is not Callback.on_losses
        ]

    def losses(self, losses: Sequence[StepLoss]) -> None:
        """The losses of steps that are taken; the run adds them to its sums."""
        self._run.add(losses)
        if losses:
            for on_losses in self._of_losses:
                on_losses(self._run, losses)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is finished."""
        for callback in self._callbacks:
            if callback.on_epoch(self._run, epoch):
                self._run.stop()

    def interrupt(self) -> None:
        """The training ends in the middle of an epoch."""
        for callback in self._callbacks:
            callback.on_interrupt(self._run)


@contextmanager
def watched(run: Run, callbacks: Sequence[Callback]) -> Iterator[Watchers]:
    """Start the callbacks, and end those that were started when the block is left."""
    started: list[Callback] = []
    run.status = "running"
    try:
        for callback in callbacks:
            callback.on_start(run)
            started.append(callback)
        yield Watchers(run, callbacks)
        run.status = "finished"
    except BaseException as error:
        run.status = "interrupted" if isinstance(error, TrainingInterrupted) else "failed"
        raise
    finally:
        with ExitStack() as ends:  # all are ended, though one of them raises
            for callback in reversed(started):
                ends.callback(callback.on_end, run)
