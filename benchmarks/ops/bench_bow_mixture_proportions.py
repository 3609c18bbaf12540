"""bow_mixture_proportions against plain PyTorch with arrays of nonzeros times topics.

The floor is the op's own arithmetic, 2 multiply-adds for each nonzero, topic and step, at the rate
of torch's matrix product in double precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks import device
from benchmarks.batches import ZipfBatch, zipf_batch
from benchmarks.floor import arithmetic
from benchmarks.rows import check_alike, runnable, timed
from benchmarks.timing import HASTY
from ntm_fast import ops

STEPS = 20
# B, K, V, tokens of a document
SHAPES = device.pick(
    [(200, 50, 5_000, 100), (64, 200, 20_000, 400), (4, 100, 50_000, 9000)],
    [(1024, 50, 50_000, 100), (8192, 128, 50_000, 150), (64, 100, 50_000, 9000)],
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


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(segments, dynamic=device.pick(None, False))
    for documents, topics, words, length in SHAPES[: 1 if HASTY else None]:
        batch = zipf_batch(documents, words, length)
        theta = torch.randn(documents, topics).softmax(1)
        logits = torch.randn(words, topics) * 2
        beta = logits.softmax(0) / logits.softmax(0).amax(1, keepdim=True)
        prior = torch.full((topics,), 0.1)
        args = theta, beta, prior
        wide = [x.double() for x in args]
        subjects = {
            "ntm_fast": lambda a=args, b=batch: ops.bow_mixture_proportions(*a, *b, STEPS),
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
            rows.append(
                {
                    "op": "bow_mixture_proportions",
                    "subject": name,
                    "shape": f"{documents}x{topics}, {words}x{topics}, {nonzeros} nonzeros",
                    "dtype": "float32",
                    "threads": threads,
                    **figure,
                    "ns_per_element": figure["seconds"] / (nonzeros * topics * STEPS) * 1e9,
                    "nonzeros": nonzeros,
                }
            )
    return rows
