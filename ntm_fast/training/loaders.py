"""How the documents of a run reach its device, batch by batch, without a wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ntm_fast.data import Batch, Corpus, CorpusTensors, Subset
from ntm_fast.models.backend import device_name

SHARE = 0.5  # of the GPU's memory that is left over: what a corpus may take of it


class Feed(Protocol):
    """Batches on a device, each of some documents of one corpus (int64 rows on the CPU)."""

    place: str  # where the corpus is, in words

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Batch]:
        """A batch for each part, in turn."""

    def batch(self, rows: Tensor) -> Batch:
        """One batch alone."""


class Resident:
    """The corpus is where the model is, and its rows are gathered there.

    How many nonzeros a batch has is read off the corpus on the host, so that nothing waits.
    """

    def __init__(self, corpus: Corpus | Subset, device: torch.device, ops: Any) -> None:
        self.device = device
        beside = "" if device.type == "cpu" else ", the corpus beside the model"
        self.place = device_name(device) + beside
        self.corpus = CorpusTensors(corpus, device, ops)
        self._lengths = torch.from_numpy(corpus.document_nonzeros)

    def sizes(self, parts: Sequence[Tensor]) -> list[int]:
        """Nonzeros of each part."""
        return [int(self._lengths[part].sum()) for part in parts]

    def places(self, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, int]]:
        """Rows of each part on the device, and how many nonzeros they have."""
        if parts:
            there = torch.cat(list(parts)).to(self.device).split([part.numel() for part in parts])
            yield from zip(there, self.sizes(parts), strict=True)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Batch]:
        for rows, size in self.places(parts):
            yield self.corpus.batch(rows, size)

    def batch(self, rows: Tensor) -> Batch:
        return next(self.batches([rows]))


class Coming(Protocol):
    """A batch on its way to a device."""

    def arrived(self) -> Batch:
        """The batch; what is done with it on the current stream comes after its arrival."""


class Streamed:
    """The corpus stays on the host; a batch is sent while the one before it is computed with."""

    def __init__(
        self,
        corpus: Corpus | Subset,
        device: torch.device,
        ops: Any,
        send: Callable[[Batch], Coming] | None = None,
    ) -> None:
        self.place = f"{device_name(device)}, the corpus on the host"
        self.corpus = CorpusTensors(corpus, "cpu", ops)
        self._send = Sender(device) if send is None else send

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Batch]:
        ahead: Coming | None = None
        for part in parts:
            coming = self._send(self.corpus.batch(part))
            if ahead is not None:
                yield ahead.arrived()
            ahead = coming
        if ahead is not None:
            yield ahead.arrived()

    def batch(self, rows: Tensor) -> Batch:
        return next(self.batches([rows]))


class Sender:
    """Copies batches to a GPU from pinned memory, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)

    def __call__(self, batch: Batch) -> Coming:
        # torch keeps pinned memory from being used anew until the copies out of it are done.
        pinned = Batch(*(part.pin_memory() for part in batch[:3]))
        with torch.cuda.stream(self.stream):
            there = pinned.to(self.device, non_blocking=True)
        return _Sent(there, self.stream.record_event())


class _Sent:
    def __init__(self, batch: Batch, copied: torch.cuda.Event) -> None:
        self.batch, self.copied = batch, copied

    def arrived(self) -> Batch:
        stream = torch.cuda.current_stream(self.batch.indptr.device)
        stream.wait_event(self.copied)
        for part in self.batch[:3]:
            part.record_stream(stream)  # its memory was given out on the other stream
        return self.batch


def feed_for(corpus: Corpus | Subset, device: torch.device, ops: Any, reserved: int) -> Feed:
    """The corpus on the device if it fits, else batches sent there.

    It fits if it takes at most half of the memory that is free there beyond `reserved` bytes,
    which are for what the model is still going to need.
    """
    if device.type != "cuda" or corpus.nbytes <= SHARE * (free_bytes(device) - reserved):
        return Resident(corpus, device, ops)
    return Streamed(corpus, device, ops)


def free_bytes(device: torch.device) -> int:
    """Memory of a GPU that nobody has taken."""
    return int(torch.cuda.mem_get_info(device)[0])
