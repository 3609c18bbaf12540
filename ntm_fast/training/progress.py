"""Progress on standard error: a bar on a terminal or in a notebook, elsewhere a line every 10 s."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ntm_fast.training.callbacks import Callback
from ntm_fast.training.state import Run, StepLoss

SECONDS_BETWEEN_LINES = 10.0
clock = time.monotonic


class Progress(Callback):
    """Shows epoch, step, ELBO per document, documents per second and the time left."""

    def on_start(self, run: Run) -> None:
        console = Console(stderr=True)
        a_person_sees = _is_terminal() and not console.is_dumb_terminal
        bar = a_person_sees or console.is_jupyter
        self._shown: Callback = ProgressBar(console) if bar else ProgressLines()
        self._shown.on_start(run)

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        self._shown.on_losses(run, losses)

    def on_end(self, run: Run) -> None:
        self._shown.on_end(run)


class ProgressBar(Callback):
    """One line that is drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_start(self, run: Run) -> None:
        self._bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("ELBO {task.fields[elbo]:.2f}  {task.fields[rate]:,.0f} documents/s"),
            TimeRemainingColumn(),
            console=self._console,
        )
        fields: dict[str, Any] = {"epoch": 0, "epochs": run.epochs, "elbo": math.nan, "rate": 0.0}
        self._task: TaskID = self._bar.add_task("train", total=run.n_steps, **fields)
        self._bar.start()
        self._console.print(f"on {run.place}", highlight=False, soft_wrap=True)

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        fields: dict[str, Any] = {"epoch": run.state.epoch + 1, "elbo": run.elbo}
        fields["rate"] = run.documents_per_second
        self._bar.update(self._task, completed=run.step, **fields)

    def on_end(self, run: Run) -> None:
        self._bar.stop()


class ProgressLines(Callback):
    """A line every 10 seconds, also while nothing is read from a GPU, and during validation."""

    def on_start(self, run: Run) -> None:
        self._began, self._first_step = clock(), run.step
        self._seen: tuple[int, int, float, float] | None = None
        self._ticker = Ticker(SECONDS_BETWEEN_LINES, lambda: self.say(run))

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        # All that the ticker's thread reads of the run's position, so that it fits together.
        elbo = math.nan if run.elbo is None else run.elbo
        self._seen = run.state.epoch, run.state.step, elbo, run.documents_per_second

    def on_end(self, run: Run) -> None:
        self._ticker.close()

    def say(self, run: Run) -> None:
        """Print a line; nothing if standard error is closed."""
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                print(self.line(run), file=sys.stderr, flush=True)

    def line(self, run: Run) -> str:
        """The line to print now, of the losses that have been read."""
        if self._seen is None:
            return f"training on {run.place}, no loss read yet"
        epoch, step, elbo, rate = self._seen
        steps = f"step {step:,}/{run.steps_per_epoch:,}"
        if step == run.steps_per_epoch:
            steps += ", finishing the epoch"  # such as validation
        done = epoch * run.steps_per_epoch + step
        seconds = (clock() - self._began) / (done - self._first_step) * (run.n_steps - done)
        return (
            f"epoch {epoch + 1}/{run.epochs}  {steps}  ELBO {elbo:.2f}"
            f"  {rate:,.0f} documents/s  {as_time(seconds)} left"
        )


class Ticker:
    """Calls a function every so often, in a thread of its own, until it is closed."""

    def __init__(self, seconds: float, function: Callable[[], None]) -> None:
        self._closed = threading.Event()

        def tick() -> None:
            while not self._closed.wait(seconds):
                function()

        self._thread = threading.Thread(target=tick, name="ntm_fast progress", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Call it no more."""
        self._closed.set()
        self._thread.join(timeout=1.0)  # a reader of standard error may be slow


def as_time(seconds: float) -> str:
    """Hours, minutes and seconds, such as 2:05:09 or 5:09."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
