"""Batches of made-up documents whose words follow Zipf's law, as those of real text do."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ZipfBatch(NamedTuple):
    """CSR: indptr [B+1], indices [N] int32 sorted and unique in a document, counts [N]."""

    indptr: Tensor
    indices: Tensor
    counts: Tensor

    def dense(self, n_words: int) -> Tensor:
        """Counts [B, V]."""
        documents = torch.arange(len(self.indptr) - 1).repeat_interleave(self.indptr.diff())
        result = torch.zeros(len(self.indptr) - 1, n_words)
        return result.index_put_((documents, self.indices.long()), self.counts)


def zipf_batch(n_documents: int, n_words: int, length: int = 150, seed: int = 0) -> ZipfBatch:
    """Documents of `length` tokens, word v drawn with probability ∝ 1 / (v + 10)."""
    place = torch.get_default_device()
    with torch.device("cpu"):  # the same documents on every device
        generator = torch.Generator().manual_seed(seed)
        weights = 1 / (torch.arange(n_words, dtype=torch.float64) + 10)
        tokens = torch.multinomial(
            weights, n_documents * length, replacement=True, generator=generator
        )
        keys = torch.arange(n_documents).repeat_interleave(length) * n_words + tokens
        unique, counts = keys.unique(return_counts=True)
        documents = torch.bincount(unique // n_words, minlength=n_documents)
        indptr = torch.cat((torch.zeros(1, dtype=torch.int64), documents.cumsum(0)))
    batch = indptr, (unique % n_words).int(), counts.float()
    return ZipfBatch(*(part.to(place) for part in batch))
