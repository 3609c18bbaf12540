"""What is measured on: real corpora where they are at hand, else draws of their sizes."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp

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
    """Where the real corpus lies, if it does: $NTM_FAST_SHARED, or shared beside the checkout.

    A name that is not of SIZES is a folder's own path.
    """
    if name not in SIZES:
        return Path(name)
    beside = Path(__file__).resolve().parents[2] / "shared"
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
