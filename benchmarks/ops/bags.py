"""Ops on sparse counts: bow_linear, the first layer of an encoder, and bow_rows, which batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.inputs import ZipfBatch, zipf_batch
from benchmarks.harness.rows import op_rows
from benchmarks.harness.timing import compare, memory
from ntm_fast import ops, reference

Rows = Iterator[dict[str, Any]]
# B, H, V
SHAPES = [
    (256, 100, 2_000),
    (256, 100, 50_000),
    (256, 800, 20_000),
    (256, 100, 1_000_000),
]
SHAPES += machine.pick([], [(8192, 100, 50_000), (8192, 800, 200_000)])
MOST_DENSE = machine.pick(1, 20) * 100_000_000  # counts of the dense product


def bow_linear(threads: int) -> Rows:
    """Against torch.sparse, embedding_bag and a dense product.

    The floor is the memory traffic of the dense gradient, written once, and of the rows of the
    weight that the nonzeros name, read once each.
    """
    compiled = torch.compile(reference.bow_linear)
    for documents, features, words in SHAPES:
        batch = zipf_batch(documents, words, length=150)
        indices, starts = batch.indices.long(), batch.indptr[:-1].contiguous()
        sparse = torch.sparse_csr_tensor(batch.indptr, indices, batch.counts, (documents, words))
        weight = torch.randn(words, features, requires_grad=True)

        ordered = batch.ordered()

        def fast(weight: Tensor, ordered: dict[str, Tensor] = ordered) -> Tensor:
            return ops.bow_linear(weight=weight, **ordered)

        def torch_sparse(weight: Tensor, sparse: Tensor = sparse) -> Tensor:
            return sparse @ weight

        def embedding_bag(
            weight: Tensor, i: Tensor = indices, starts: Tensor = starts, x: Tensor = batch.counts
        ) -> Tensor:
            return F.embedding_bag(i, weight, starts, mode="sum", per_sample_weights=x)

        def compiled_reference(weight: Tensor, batch: ZipfBatch = batch) -> Tensor:
            return compiled(weight=weight, **batch.csr())

        subjects = {
            "ntm_fast": fast,
            "torch.sparse": torch_sparse,
            "embedding_bag": embedding_bag,
        }
        if documents * words <= MOST_DENSE:
            dense = batch.dense(words)
            subjects["dense product"] = lambda weight, dense=dense: dense @ weight
        if (documents, features, words) == SHAPES[0]:
            subjects["compiled reference"] = compiled_reference
        yield from op_rows(
            "bow_linear",
            [weight],
            subjects,
            threads,
            floor=memory(4 * features * (words + len(batch.indices.unique()))),
            nonzeros=len(batch.indices),
        )


def bow_rows(threads: int) -> Rows:
    """Against scipy's indexing and the reference."""
    corpus = zipf_batch(20_000, 2_000, length=100)
    rows = torch.randperm(20_000)[:200]
    found = ops.bow_rows(**corpus.csr(), rows=rows)
    for value, truth in zip(found, reference.bow_rows(**corpus.csr(), rows=rows), strict=True):
        if not torch.equal(value, truth):
            raise AssertionError("bow_rows: differs from the reference")
    size = len(found[1])  # what a trainer knows beforehand
    subjects: dict[str, Callable[[], object]] = {
        "ntm_fast": lambda: ops.bow_rows(**corpus.csr(), rows=rows)
    }
    if machine.is_cuda():
        subjects = {
            "ntm_fast": lambda: ops.bow_rows(**corpus.csr(), rows=rows, nonzeros=size),
            "ntm_fast, size unknown": subjects["ntm_fast"],
            "eager, size unknown": lambda: reference.bow_rows(**corpus.csr(), rows=rows),
            "eager": lambda: reference.bow_rows(**corpus.csr(), rows=rows, nonzeros=size),
        }
    else:
        arrays = corpus.counts.numpy(), corpus.indices.numpy(), corpus.indptr.numpy()
        matrix = sp.csr_array(arrays, shape=(20_000, 2000))
        subjects |= {
            "scipy": lambda: matrix[rows.numpy()],
            "eager": lambda: reference.bow_rows(**corpus.csr(), rows=rows),
        }
    timings = compare(subjects, threads=threads)
    for name, timing in timings.items():
        yield {
            "op": "bow_rows",
            "subject": name,
            "shape": f"200 of 20000, {len(found[1])} nonzeros",
            "dtype": "float32",
            "threads": threads,
            "seconds": timing.seconds,
            "spread": timing.spread,
            "ratio": timing.seconds / timings["ntm_fast"].seconds,
        }
