"""The data of benchmarks: batches and corpora of Zipf's law, and real corpora where they exist."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from ntm_fast.data import Corpus, read_npz, read_octis

SIZES = {  # documents, words, tokens a document
    "20ng_prodlda": (11_259, 1_995, 88),
    "arxiv_100k": (99_997, 54_397, 77),
}


def zipf_matrix(documents: int, words: int, length: int, seed: int = 0) -> sp.csr_array:
    """Counts [documents, words] of `length` tokens each; word v has probability ∝ 1 / (v + 30)."""
    random = np.random.default_rng(seed)
    share = 1 / (np.arange(words) + 30.0)
    tokens = np.searchsorted(np.cumsum(share / share.sum()), random.random((documents, length)))
    rows = np.repeat(np.arange(documents), length)
    columns = np.minimum(tokens, words - 1).ravel()
    ones = np.ones(rows.size, dtype=np.float32)
    matrix = sp.coo_array((ones, (rows, columns)), shape=(documents, words)).tocsr()
    matrix.sum_duplicates()
    return matrix


def shared_folder(name: str) -> Path:
    """The real corpus's place, if it exists: $NTM_FAST_SHARED, or shared beside the checkout.

    A name that is not in SIZES is a folder's own path.
    """
    if name not in SIZES:
        return Path(name)
    beside = Path(__file__).resolve().parents[3] / "shared"
    return Path(os.environ.get("NTM_FAST_SHARED", beside)) / "data" / name


@functools.cache
def corpus(name: str, split: str = "train") -> Corpus:
    """A real corpus, or where it is absent (`is_real`) random documents of its size.

    OCTIS's validation documents are among those of training.
    """
    folder = shared_folder(name)
    if (folder / "train.npz").exists():
        return read_npz(folder / f"{split}.npz", folder / "vocab.txt")
    if (folder / "corpus.tsv").exists():
        names = ("train", "val") if split == "train" else (split,)
        parts = [read_octis(folder, part) for part in names]
        matrix = sp.vstack([part.to_scipy() for part in parts], format="csr")
        return Corpus.from_scipy(matrix, parts[0].vocabulary)
    return Corpus.from_scipy(zipf_matrix(*SIZES[name]))


def is_real(name: str) -> bool:
    """Whether the real corpus is at hand: train.npz, test.npz and vocab.txt, or OCTIS's files."""
    return any((shared_folder(name) / file).exists() for file in ("train.npz", "corpus.tsv"))


class ZipfBatch(NamedTuple):
    """CSR: indptr [B+1], indices [N] int32 sorted and unique in a document, counts [N]."""

    indptr: Tensor
    indices: Tensor
    counts: Tensor

    def csr(self) -> dict[str, Tensor]:
        """The arguments of ops that take a batch, by name."""
        return self._asdict()

    def ordered(self) -> dict[str, Tensor]:
        """The same with the order by word, which in training is found once for all ops."""
        return {**self.csr(), "order": self.indices.argsort(stable=True)}

    def dense(self, n_words: int) -> Tensor:
        """Counts [B, V]."""
        documents = torch.arange(len(self.indptr) - 1).repeat_interleave(self.indptr.diff())
        result = torch.zeros(len(self.indptr) - 1, n_words)
        return result.index_put_((documents, self.indices.long()), self.counts)


def zipf_batch(n_documents: int, n_words: int, length: int = 150, seed: int = 0) -> ZipfBatch:
    """Documents of `length` tokens; word v has probability ∝ 1 / (v + 10)."""
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
