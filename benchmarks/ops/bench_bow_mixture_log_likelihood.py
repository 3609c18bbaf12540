"""bow_mixture_log_likelihood against dense PyTorch and torch.sparse.

The floor is the memory traffic that no method without an array of V×K elements between forward and
backward can avoid: the logits read twice and their gradient written once, 12·V·K bytes, at the
bandwidth of this machine.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks import device
from benchmarks.batches import ZipfBatch, zipf_batch
from benchmarks.floor import memory
from benchmarks.rows import op_rows
from benchmarks.timing import QUICK
from ntm_fast import ops, reference
from ntm_fast.bags import Bags

# B, K, V
SHAPES = device.pick(
    [
        (200, 50, 2_000),
        (256, 100, 2_000),
        (256, 100, 20_000),
        (256, 50, 20_000),
        (1024, 100, 20_000),
        (256, 100, 100_000),
    ],
    [
        (8192, 128, 50_000),
        (256, 50, 2_000),
        (1024, 128, 50_000),
        (1024, 64, 200_000),
        (8192, 128, 200_000),
        (1024, 128, 1_000_000),
    ],
)
COMPILED = SHAPES[2]  # where the compiled reference is measured too
DENSE_ARRAYS = 6  # of B×V floats that the dense peer holds at once


class SparseLikelihood(torch.autograd.Function):
    """The best that torch.sparse can do: p by sampled_addmm, its gradients by two products."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, beta: Tensor, x: Tensor) -> Tensor:
        zeros = torch.sparse_csr_tensor(
            x.crow_indices(), x.col_indices(), torch.zeros_like(x.values()), x.shape
        )
        p = torch.sparse.sampled_addmm(zeros, theta, beta.T).values()
        ctx.save_for_backward(theta, beta, x, p)
        terms = x.values() * p.log()
        return torch.segment_reduce(terms, "sum", offsets=x.crow_indices(), initial=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        theta, beta, x, p = ctx.saved_tensors
        documents = gradient.repeat_interleave(x.crow_indices().diff())
        ratios = torch.sparse_csr_tensor(
            x.crow_indices(), x.col_indices(), documents * x.values() / p, x.shape
        )
        return ratios @ beta, ratios.t().to_sparse_csr() @ theta, None


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    reference_op = reference.bow_mixture_log_likelihood
    compiled = torch.compile(reference_op, dynamic=device.pick(None, False))
    for documents, topics, words in SHAPES[: 3 if QUICK and device.is_cuda() else None]:
        batch = zipf_batch(documents, words, length=150)
        fits = device.fits(DENSE_ARRAYS * 4 * documents * words)
        dense = batch.dense(words) if fits else torch.empty(0)
        sparse = torch.sparse_csr_tensor(
            batch.indptr, batch.indices.long(), batch.counts, (documents, words)
        )
        args = [
            torch.randn(documents, topics).softmax(1).requires_grad_(),
            torch.randn(words, topics).requires_grad_(),
        ]

        bags = Bags(*batch).ordered()  # as in training: once for all ops

        def fast(theta: Tensor, logits: Tensor, bags: Bags = bags) -> Tensor:
            return ops.bow_mixture_log_likelihood(theta, logits, bags)

        def eager(theta: Tensor, logits: Tensor, dense: Tensor = dense) -> Tensor:
            return (dense * (theta @ logits.softmax(0).T).log()).sum(1)

        def torch_sparse(theta: Tensor, logits: Tensor, sparse: Tensor = sparse) -> Tensor:
            return SparseLikelihood.apply(theta, logits.softmax(0), sparse)  # type: ignore[no-any-return]

        def compiled_reference(theta: Tensor, logits: Tensor, batch: ZipfBatch = batch) -> Tensor:
            return compiled(theta, logits, *batch)

        subjects = {"ntm_fast": fast, "eager dense": eager, "torch.sparse": torch_sparse}
        if not fits:
            del subjects["eager dense"]
        if (documents, topics, words) == COMPILED or device.is_cuda():
            subjects["compiled reference"] = compiled_reference
        rows += op_rows(
            "bow_mixture_log_likelihood",
            args,
            subjects,
            threads,
            floor=memory(12 * words * topics),
            elements=documents * words,
            nonzeros=len(batch.indices),
        )
    return rows
