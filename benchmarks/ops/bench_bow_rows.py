"""bow_rows against scipy's indexing and the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.sparse as sp
import torch

from benchmarks import device
from benchmarks.batches import zipf_batch
from benchmarks.timing import compare
from ntm_fast import ops, reference


def run(threads: int) -> list[dict[str, Any]]:
    corpus = zipf_batch(20_000, 2_000, length=100)
    rows = torch.randperm(20_000)[:200]
    found = ops.bow_rows(rows, *corpus)
    for value, truth in zip(found, reference.bow_rows(rows, *corpus), strict=True):
        if not torch.equal(value, truth):
            raise AssertionError("bow_rows: differs from the reference")
    size = len(found[1])  # what a trainer knows beforehand
    subjects: dict[str, Callable[[], object]] = {"ntm_fast": lambda: ops.bow_rows(rows, *corpus)}
    if device.is_cuda():
        subjects = {
            "ntm_fast": lambda: ops.bow_rows(rows, *corpus, size),
            "ntm_fast, size unknown": subjects["ntm_fast"],
            "eager, size unknown": lambda: reference.bow_rows(rows, *corpus),
            "eager": lambda: reference.bow_rows(rows, *corpus, size),
        }
    else:
        arrays = corpus.counts.numpy(), corpus.indices.numpy(), corpus.indptr.numpy()
        matrix = sp.csr_array(arrays, shape=(20_000, 2000))
        subjects |= {
            "scipy": lambda: matrix[rows.numpy()],
            "eager": lambda: reference.bow_rows(rows, *corpus),
        }
    timings = compare(subjects, threads=threads)
    return [
        {
            "op": "bow_rows",
            "subject": name,
            "shape": f"200 of 20000, {len(found[1])} nonzeros",
            "dtype": "float32",
            "threads": threads,
            "seconds": timing.seconds,
            "spread": timing.spread,
            "ratio": timing.seconds / timings["ntm_fast"].seconds,
        }
        for name, timing in timings.items()
    ]
