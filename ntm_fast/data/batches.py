"""Batches: rows of a corpus as torch tensors, gathered without Python per document."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ntm_fast import reference
from ntm_fast.bags import Bags
from ntm_fast.data.corpus import Corpus, Subset


class CorpusTensors:
    """A corpus or part of one as torch tensors that share its memory, never to be written to.

    `ops` gathers the rows of a batch: :mod:`ntm_fast.ops`, or (default) :mod:`ntm_fast.reference`.
    """

    def __init__(
        self, corpus: Corpus | Subset, device: torch.device | str = "cpu", ops: Any = reference
    ) -> None:
        self.ops = ops
        self._rows: Tensor | None = None
        if isinstance(corpus, Subset):
            self._rows = torch.from_numpy(corpus.rows).to(device)
            corpus = corpus.corpus
        self.indptr: Tensor = _view(corpus.indptr).to(device)
        self.indices: Tensor = _view(corpus.indices).to(device)
        self.counts: Tensor = _view(corpus.counts).to(device)

    @property
    def n_documents(self) -> int:
        """Number of documents D."""
        return self.indptr.numel() - 1 if self._rows is None else self._rows.numel()

    def __len__(self) -> int:
        return self.n_documents

    def batch(self, rows: Tensor, nonzeros: int | None = None) -> Bags:
        """Documents `rows` (int64 [B], repeats allowed) in that order.

        indptr is int64, indices int32, counts float32.

        Columns keep their order within a document. `nonzeros`, if given, is how many they are: a
        GPU is then not waited for (if it is more, see `bow_rows`). Raises TypeError unless rows
        are int64 and ValueError unless they are one-dimensional and lie in [0, D).
        """
        if rows.dtype != torch.int64:
            raise TypeError(f"rows must be an int64 tensor, got {rows.dtype}")
        if rows.dim() != 1:
            raise ValueError(f"rows has shape {list(rows.shape)}, expected [B]")
        if self._rows is not None:
            rows = self._rows[rows]
        corpus = Bags(self.indptr, self.indices, self.counts)
        return Bags(*self.ops.bow_rows(rows, corpus, nonzeros=nonzeros))


def _view(array: NDArray[np.generic]) -> Tensor:
    with warnings.catch_warnings():
        # torch cannot mark a tensor read-only and warns about arrays that are.
        warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
        return torch.from_numpy(array)
