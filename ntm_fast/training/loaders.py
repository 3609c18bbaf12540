"""Batches of a corpus on the device of a run, made without waiting for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, CorpusTensors, Subset
from ntm_fast.models.backend import device_name

SHARE = 0.5  # of the GPU's free memory, which a corpus may take


class Loader(Protocol):
    """Gives batches on a device, each of some documents of one corpus (int64 rows on the CPU)."""

    place: str  # the device, and where the corpus is, in words

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Bags]:
        """A batch for each part, in their order."""

    def batch(self, rows: Tensor) -> Bags:
        """One batch."""


class DeviceLoader:
    """The corpus is on the model's device, where its rows are gathered.

    The number of nonzeros of a batch is computed on the host, so that nothing waits.
    """

    def __init__(self, corpus: Corpus | Subset, device: torch.device, ops: Any) -> None:
        self.device = device
        beside = "" if device.type == "cpu" else ", the corpus beside the model"
        self.place = device_name(device) + beside
        self.corpus = CorpusTensors(corpus, device, ops)
        self._lengths = torch.from_numpy(corpus.document_nonzeros)

    def nonzeros(self, parts: Sequence[Tensor]) -> list[int]:
        """Nonzeros of each part."""
        return [int(self._lengths[part].sum()) for part in parts]

    def rows(self, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, int]]:
        """Rows of each part on the device, and their number of nonzeros."""
        if parts:
            there = torch.cat(list(parts)).to(self.device).split([part.numel() for part in parts])
            yield from zip(there, self.nonzeros(parts), strict=True)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Bags]:
        for rows, size in self.rows(parts):
            yield self.corpus.batch(rows, size)

    def batch(self, rows: Tensor) -> Bags:
        return next(self.batches([rows]))


class HostLoader:
    """The corpus stays on the host; a batch is sent while the previous one is computed with."""

    def __init__(self, corpus: Corpus | Subset, device: torch.device, ops: Any) -> None:
        self.place = f"{device_name(device)}, the corpus on the host"
        self.corpus = CorpusTensors(corpus, "cpu", ops)
        self.sender = Sender(device)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Bags]:
        previous: SentBatch | None = None
        for part in parts:
            sent = self.sender.send(self.corpus.batch(part))
            if previous is not None:
                yield previous.received()
            previous = sent
        if previous is not None:
            yield previous.received()

    def batch(self, rows: Tensor) -> Bags:
        return next(self.batches([rows]))


class Sender:
    """Copies batches to a GPU from pinned memory, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def send(self, batch: Bags) -> SentBatch:
        """Start to copy a batch; nothing waits."""
        # torch does not reuse pinned memory until the copies out of it are done.
        pinned = Bags(*(part.pin_memory() for part in batch[:3]))
        with torch.cuda.stream(self.stream):
            there = pinned.to(self.device, non_blocking=True)
        return SentBatch(there, self.stream.record_event())


class SentBatch:
    """A batch on its way to a GPU."""

    def __init__(self, batch: Bags, copied: torch.cuda.Event) -> None:
        self.batch, self.copied = batch, copied

    def received(self) -> Bags:
        """The batch; work on it on the current stream comes after the copy."""
        stream = torch.cuda.current_stream(self.batch.indptr.device)
        stream.wait_event(self.copied)
        for part in self.batch[:3]:
            part.record_stream(stream)  # its memory was allocated on the other stream
        return self.batch


def loader_for(corpus: Corpus | Subset, device: torch.device, ops: Any, reserved: int) -> Loader:
    """A loader with the corpus on the device if it fits, else with the corpus on the host.

    It fits if it takes at most half of the memory that is free there beyond `reserved` bytes,
    which are for what the model will still need.
    """
    if device.type != "cuda" or corpus.nbytes <= SHARE * (free_bytes(device) - reserved):
        return DeviceLoader(corpus, device, ops)
    return HostLoader(corpus, device, ops)


def free_bytes(device: torch.device) -> int:
    """Free memory of a GPU."""
    return int(torch.cuda.mem_get_info(device)[0])
