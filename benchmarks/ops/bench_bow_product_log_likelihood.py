"""bow_product_log_likelihood with batch norm against the dense PyTorch that users write.

The floor is what no float32 method with recomputation can beat: 8·B·K·V flops (one product forward,
three backward) at the rate of this machine's own sgemm, timed in turns with the op.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.batches import zipf_batch
from benchmarks.floor import products
from benchmarks.rows import op_rows
from ntm_fast import ops, reference

SHAPES = [  # B, K, V
    (200, 50, 2_000),
    (256, 100, 2_000),
    (256, 100, 20_000),
    (256, 50, 20_000),
    (256, 256, 20_000),
    (64, 100, 20_000),
    (1024, 100, 20_000),
    (256, 100, 100_000),
]


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(reference.bow_product_log_likelihood)
    for documents, topics, words in SHAPES:
        batch = zipf_batch(documents, words, length=150)
        dense = batch.dense(words)
        args = [
            torch.randn(documents, topics).softmax(1).requires_grad_(),
            (torch.randn(words, topics) * 0.5).requires_grad_(),
        ]

        def fast(hidden: Tensor, weight: Tensor, batch: Any = batch) -> Tensor:
            csr = (batch.indptr, batch.indices, batch.counts)
            return ops.bow_product_log_likelihood(hidden, weight, None, *csr, batch_norm=True)[0]

        def eager(hidden: Tensor, weight: Tensor, dense: Tensor = dense) -> Tensor:
            logits = F.batch_norm(F.linear(hidden, weight), None, None, training=True, eps=1e-3)
            return (dense * logits.log_softmax(1)).sum(1)

        def compiled_reference(hidden: Tensor, weight: Tensor, batch: Any = batch) -> Tensor:
            csr = (batch.indptr, batch.indices, batch.counts)
            return compiled(hidden, weight, None, *csr, batch_norm=True)[0]

        subjects = {"ntm_fast": fast, "eager dense": eager}
        if (documents, topics, words) == SHAPES[2]:
            subjects["compiled reference"] = compiled_reference
        rows += op_rows(
            "bow_product_log_likelihood",
            args,
            subjects,
            threads,
            floor=products(8 * documents * topics * words),
            elements=documents * words,
            tolerance=1e-3,
        )
    return rows
