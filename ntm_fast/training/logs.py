"""Callbacks that log a run: to a file of JSON lines, to TensorBoard."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from ntm_fast import checks
from ntm_fast.files import parse_json, path_of
from ntm_fast.training.callbacks import Callback
from ntm_fast.training.state import Epoch, Run, StepLoss

LONGEST_LINE = 1 << 20  # bytes: of a file that is looked at before it is appended to


class JSONLines(Callback):
    """Appends a JSON object a line to a file: of the run's start, its steps, epochs and end.

    Every object has "event" and "time"; numbers are strict JSON, null where they are not finite:

    - "start": "epoch" and "step" from which the run goes on, "epochs", "steps_per_epoch",
      "n_steps" and "place";
    - "step": "epoch", "step" (of the whole run), "loss", "elbo", "log_likelihood", "kl" and
      "documents" of a batch, as soon as its loss is read;
    - "epoch": the fields of :class:`Epoch`, and "step";
    - "end": "status", as in :class:`Run`.

    Each line is written at once, so that a run that is killed leaves whole lines. A resumed run
    appends: what follows its "start" replaces earlier lines of later steps.

    Parameters
    ----------
    file : path; an existing file has to be such a log, else FileExistsError
    every : steps of which one is written, 0 for none
    """

    def __init__(self, file: str | os.PathLike[str], *, every: int = 1) -> None:
        self.path, self.every = path_of(file), checks.integer("every", every, 0)
        self._file: IO[bytes] | None = None
        _check_is_log(self.path)

    def on_start(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: a line is one write, which a killed process does or does not do.
        self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115, closed by on_end
        if self._file.tell() > 0:
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":  # torn, such as by a full disk
                self._file.write(b"\n")
        self._write(
            "start",
            epoch=run.state.epoch,
            step=run.step,
            epochs=run.epochs,
            steps_per_epoch=run.steps_per_epoch,
            n_steps=run.n_steps,
            place=run.place,
        )

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        for loss in losses:
            if self.every and loss.step % self.every == 0:
                self._write("step", **loss._asdict(), elbo=loss.elbo)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        self._write("epoch", step=run.step, **asdict(epoch))

    def on_end(self, run: Run) -> None:
        if self._file is not None:
            try:
                self._write("end", status=run.status)
            finally:
                self._file.close()
                self._file = None

    def _write(self, event: str, **values: Any) -> None:
        assert self._file is not None
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        record = {"event": event, "time": now, **{k: _finite(v) for k, v in values.items()}}
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")


class TensorBoard(Callback):
    """Writes losses and epochs for TensorBoard: ``tensorboard --logdir FOLDER``.

    Curves are drawn over the steps of the whole run: "step/…" of single batches as their losses are
    read, "epoch/…" of whole epochs. When a run is resumed, or begun anew in the same folder,
    TensorBoard hides what was written of later steps before.

    Needs tensorboard (``pip install "ntm_fast[log]"``), else ImportError.

    Parameters
    ----------
    folder : path; made if it does not exist
    every : steps of which one is written, 0 for none
    """

    def __init__(self, folder: str | os.PathLike[str], *, every: int = 1) -> None:
        self.folder, self.every = path_of(folder), checks.integer("every", every, 0)
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(f"folder is a file; expected a folder: {self.folder}")
        self._make_writer = _summary_writer()
        self._writer: Any = None

    def on_start(self, run: Run) -> None:
        self._writer = self._make_writer(str(self.folder), purge_step=run.step + 1)

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        for loss in losses:
            if self.every and loss.step % self.every == 0:
                for name in ("loss", "elbo", "log_likelihood", "kl"):
                    self._writer.add_scalar(f"step/{name}", getattr(loss, name), loss.step)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        for name, value in asdict(epoch).items():
            if name != "epoch" and value is not None:
                self._writer.add_scalar(f"epoch/{name}", value, run.step)
        self._writer.flush()

    def on_end(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            f'TensorBoard needs tensorboard: pip install "ntm_fast[log]" ({error})'
        ) from None
    return SummaryWriter


def _check_is_log(path: os.PathLike[str]) -> None:
    """Raise FileExistsError for a file that is no log of ours, to which nothing is appended."""
    found: Any = None
    try:
        with open(path, "rb") as file:
            line = file.readline(LONGEST_LINE)
        found = parse_json(line.decode()) if line else {"event": "start"}
    except FileNotFoundError:
        return
    except IsADirectoryError:
        raise IsADirectoryError(f"file is a folder; expected a file: {path}") from None
    except ValueError:
        pass
    if not isinstance(found, dict) or "event" not in found:
        raise FileExistsError(f"{path} exists and is no log of ntm_fast: nothing is appended to it")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
