"""Mixtures of topics: their likelihood, and the refinement of proportions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.inputs import ZipfBatch, zipf_batch
from benchmarks.harness.rows import check_alike, op_rows, runnable, timed
from benchmarks.harness.timing import HASTY, QUICK, arithmetic, memory
from ntm_fast import ops, reference

Rows = Iterator[dict[str, Any]]
# B, K, V
SHAPES = machine.pick(
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
STEPS = 20
# B, K, V, tokens of a document
DOCUMENTS = machine.pick(
    [(200, 50, 5_000, 100), (64, 200, 20_000, 400), (4, 100, 50_000, 9000)],
    [(1024, 50, 50_000, 100), (8192, 128, 50_000, 150), (64, 100, 50_000, 9000)],
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


def bow_mixture_log_likelihood(threads: int) -> Rows:
    """Against dense PyTorch and torch.sparse.

    The floor is the memory traffic that no method without an array of V×K elements between forward
    and backward can avoid: the logits read twice and their gradient written once, 12·V·K bytes.
    """
    reference_op = reference.bow_mixture_log_likelihood
    compiled = torch.compile(reference_op, dynamic=machine.pick(None, False))
    for documents, topics, words in SHAPES[: 3 if QUICK and machine.is_cuda() else None]:
        batch = zipf_batch(documents, words, length=150)
        fits = machine.fits(DENSE_ARRAYS * 4 * documents * words)
        dense = batch.dense(words) if fits else torch.empty(0)
        sparse = torch.sparse_csr_tensor(
            batch.indptr, batch.indices.long(), batch.counts, (documents, words)
        )
        args = [
            torch.randn(documents, topics).softmax(1).requires_grad_(),
            torch.randn(words, topics).requires_grad_(),
        ]

        ordered = batch.ordered()

        def fast(theta: Tensor, logits: Tensor, ordered: dict[str, Tensor] = ordered) -> Tensor:
            return ops.bow_mixture_log_likelihood(theta, logits, **ordered)

        def eager(theta: Tensor, logits: Tensor, dense: Tensor = dense) -> Tensor:
            return (dense * (theta @ logits.softmax(0).T).log()).sum(1)

        def torch_sparse(theta: Tensor, logits: Tensor, sparse: Tensor = sparse) -> Tensor:
            return SparseLikelihood.apply(theta, logits.softmax(0), sparse)  # type: ignore[no-any-return]

        def compiled_reference(theta: Tensor, logits: Tensor, batch: ZipfBatch = batch) -> Tensor:
            return compiled(theta, logits, **batch.csr())

        subjects = {"ntm_fast": fast, "eager dense": eager, "torch.sparse": torch_sparse}
        if not fits:
            del subjects["eager dense"]
        if (documents, topics, words) == COMPILED or machine.is_cuda():
            subjects["compiled reference"] = compiled_reference
        yield from op_rows(
            "bow_mixture_log_likelihood",
            args,
            subjects,
            threads,
            floor=memory(12 * words * topics),
            elements=documents * words,
            nonzeros=len(batch.indices),
        )


def segments(theta: Tensor, topics: Tensor, prior: Tensor, batch: ZipfBatch) -> Tensor:
    """Gather, normalise and sum by document, as plain PyTorch can."""
    indptr, counts = batch.indptr, batch.counts.to(theta)
    documents = torch.arange(len(theta)).repeat_interleave(indptr.diff())
    beta = topics[batch.indices.long()].to(theta)  # [N, K]
    lengths = torch.segment_reduce(counts, "sum", offsets=indptr)
    gamma = prior + lengths[:, None] * theta
    for _ in range(STEPS):
        w = torch.exp(gamma.digamma() - gamma.sum(1, keepdim=True).digamma())
        p = torch.linalg.vecdot(w[documents], beta)
        shares = beta * (counts / p)[:, None]
        gamma = prior + w * torch.segment_reduce(shares, "sum", offsets=indptr, axis=0)
    return gamma / gamma.sum(1, keepdim=True)


def bow_mixture_proportions(threads: int) -> Rows:
    """Against plain PyTorch with arrays of nonzeros times topics.

    The floor is the op's own arithmetic, 2 multiply-adds for each nonzero, topic and step, at the
    rate of torch's matrix product in double precision.
    """
    compiled = torch.compile(segments, dynamic=machine.pick(None, False))
    for documents, topics, words, length in DOCUMENTS[: 1 if HASTY else None]:
        batch = zipf_batch(documents, words, length)
        theta = torch.randn(documents, topics).softmax(1)
        logits = torch.randn(words, topics) * 2
        beta = logits.softmax(0) / logits.softmax(0).amax(1, keepdim=True)
        prior = torch.full((topics,), 0.1)
        args = theta, beta, prior
        wide = [x.double() for x in args]
        subjects = {
            "ntm_fast": lambda a=args, b=batch: ops.bow_mixture_proportions(
                *a, **b.csr(), steps=STEPS
            ),
            "eager, float64": lambda a=wide, b=batch: segments(*a, b),
            "eager": lambda a=args, b=batch: segments(*a, b),
            "compiled": lambda a=args, b=batch: compiled(*a, b),
        }
        results = runnable("bow_mixture_proportions", subjects)
        check_alike("bow_mixture_proportions", {n: [x.double()] for n, x in results.items()}, 1e-3)
        nonzeros = len(batch.indices)
        figures = timed(
            {name: subjects[name] for name in results},
            threads,
            floor=arithmetic(2.0 * nonzeros * topics * STEPS),
            budget=1,
        )
        for name, figure in figures.items():
            yield {
                "op": "bow_mixture_proportions",
                "subject": name,
                "shape": f"{documents}x{topics}, {words}x{topics}, {nonzeros} nonzeros",
                "dtype": "float32",
                "threads": threads,
                **figure,
                "ns_per_element": figure["seconds"] / (nonzeros * topics * STEPS) * 1e9,
                "nonzeros": nonzeros,
            }
