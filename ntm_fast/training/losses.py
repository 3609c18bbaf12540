"""Reading the losses of an epoch's steps: each on the CPU, every 50 at once on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ntm_fast.models import Loss
from ntm_fast.ops._device_errors import raise_device_errors
from ntm_fast.training.diagnosis import loss_diverged
from ntm_fast.training.loaders import Loader
from ntm_fast.training.state import Run, StepLoss

READ_EVERY = 50  # steps on a GPU: reading a loss waits for it


class LossReader:
    """Collects the losses of the steps of an epoch, and reads them when it is time.

    `parts` are the rows of all batches of the epoch, `seeds` their seeds: by them a loss that is
    not finite is traced to its origin.
    """

    def __init__(
        self, run: Run, loader: Loader, parts: Sequence[Tensor], seeds: Sequence[Tensor]
    ) -> None:
        self._run, self._loader, self._parts, self._seeds = run, loader, parts, seeds
        self._on_gpu = run.model.device.type == "cuda"
        self._every = 1 if run.model.device.type == "cpu" else READ_EVERY
        self._pending: list[Loss] = []
        self._next = run.state.step  # the step of the epoch whose loss comes next

    def add(self, loss: Loss) -> list[StepLoss]:
        """Take the loss of the next step; returns those that are read now, often none."""
        self._pending.append(loss)
        self._next += 1
        due = len(self._pending) >= self._every or self._next == len(self._parts)
        return self.read() if due else []

    def read(self) -> list[StepLoss]:
        """Read the losses that are pending; raises NotFiniteError at one that is not finite."""
        if not self._pending:
            return []
        values = torch.stack([term.detach() for loss in self._pending for term in loss]).tolist()
        refused: ValueError | None = None
        if self._on_gpu:
            try:
                raise_device_errors()  # now that the GPU has been waited for
            except ValueError as error:
                refused = error
        run, found = self._run, []
        before = run.state.epoch * len(self._parts)
        step = self._next - len(self._pending)
        for at in range(0, len(values), 3):
            loss, log_likelihood, kl = values[at : at + 3]
            if not math.isfinite(loss):
                batch = self._loader.batch(self._parts[step])
                raise loss_diverged(run, step, batch, self._seeds[step]) from refused
            n_documents = self._parts[step].numel()
            step += 1
            record = run.state.epoch + 1, before + step, loss, log_likelihood, kl, n_documents
            found.append(StepLoss(*record))
        self._pending.clear()
        if refused is not None:
            raise refused
        return found
