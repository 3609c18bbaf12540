"""The progress bar of a run."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """One line: epoch, ELBO per document, documents per second; nothing at all when disabled."""

    def __init__(self, epochs: int, steps: int, *, enabled: bool, heading: str = "") -> None:
        self._steps, self._enabled, self._heading = steps, enabled, heading
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("ELBO {task.fields[elbo]:.2f}  {task.fields[rate]:,.0f} documents/s"),
            TimeRemainingColumn(),
            disable=not enabled,
        )
        self._task: TaskID = self._progress.add_task(
            "train", total=epochs * steps, epoch=0, epochs=epochs, elbo=float("nan"), rate=0.0
        )

    def __enter__(self) -> Bar:
        self._progress.start()
        if self._enabled and self._heading:
            self._progress.console.print(self._heading, highlight=False, soft_wrap=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, epoch: int, step: int, elbo: float, rate: float) -> None:
        """State after `step` steps of `epoch` (from 0)."""
        if not self._enabled:
            return
        done = epoch * self._steps + step
        self._progress.update(self._task, completed=done, epoch=epoch + 1, elbo=elbo, rate=rate)
