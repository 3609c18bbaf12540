"""Batches: rows of a corpus as torch tensors, gathered without Python per document."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ntm_fast.data.corpus import Corpus


class Batch(NamedTuple):
    """Documents in CSR form: `indptr` int64 [B+1], `indices` int32 [N], `counts` float32 [N]."""

    indptr: Tensor
    indices: Tensor
    counts: Tensor

    @property
    def n_documents(self) -> int:
        """Number of documents B."""
        return self.indptr.numel() - 1

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on `device`."""
        return Batch(*(part.to(device, non_blocking=non_blocking) for part in self))


class CorpusTensors:
    """A corpus as torch tensors that share its memory; read them, never write to them."""

    def __init__(self, corpus: Corpus, device: torch.device | str = "cpu") -> None:
        self.indptr: Tensor = _view(corpus.indptr).to(device)
        self.indices: Tensor = _view(corpus.indices).to(device)
        self.counts: Tensor = _view(corpus.counts).to(device)

    @property
    def n_documents(self) -> int:
        """Number of documents D."""
        return self.indptr.numel() - 1

    def __len__(self) -> int:
        return self.n_documents

    def batch(self, rows: Tensor) -> Batch:
        """The documents `rows`, an int64 tensor [B], in that order; see `gather_rows`."""
        return gather_rows(self, rows)


def gather_rows(tensors: CorpusTensors, rows: Tensor) -> Batch:
    """Documents `rows` (int64 [B], repeats allowed) of the corpus as a new `Batch`.

    Columns keep their order within a document. Raises TypeError unless rows are int64 and
    ValueError unless they are one-dimensional and lie in [0, D).
    Equal to ``scipy_csr[rows]``.
    """
    if rows.dtype != torch.int64:
        raise TypeError(f"rows must be an int64 tensor, got {rows.dtype}")
    if rows.dim() != 1:
        raise ValueError(f"rows must have shape [B], got {list(rows.shape)}")
    if rows.numel():
        low, high = (int(end) for end in torch.aminmax(rows))
        if low < 0 or high >= tensors.n_documents:
            raise ValueError(
                f"rows must lie in [0, {tensors.n_documents}), got {low if low < 0 else high}"
            )
    starts = tensors.indptr[rows]
    lengths = tensors.indptr[rows + 1] - starts
    indptr = lengths.new_zeros(rows.numel() + 1)
    torch.cumsum(lengths, 0, out=indptr[1:])
    total = int(indptr[-1])
    # Steps of 1 within a document and a jump where one begins. repeat_interleave would do, but
    # it wakes all threads for any size, which on busy cores costs milliseconds.
    steps = torch.ones(total + 1, dtype=torch.int64, device=rows.device)
    steps[0] = 0
    offsets = starts - indptr[:-1]
    steps.index_add_(0, indptr[:-1], torch.diff(offsets, prepend=offsets.new_zeros(1)))
    at = torch.cumsum(steps, 0)[:total]
    return Batch(indptr, tensors.indices.index_select(0, at), tensors.counts.index_select(0, at))


def _view(array: NDArray[np.generic]) -> Tensor:
    with warnings.catch_warnings():
        # torch cannot mark a tensor read-only and warns about arrays that are.
        warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
        return torch.from_numpy(array)
