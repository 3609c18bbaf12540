"""bow_linear against torch.sparse, embedding_bag and a dense product.

The floor is the memory traffic of the dense gradient, written once, and of the rows of the weight
that the nonzeros name, read once each, at the bandwidth of this machine.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import device
from benchmarks.batches import ZipfBatch, zipf_batch
from benchmarks.floor import memory
from benchmarks.rows import op_rows
from ntm_fast import ops, reference
from ntm_fast.bags import Bags

# B, H, V
SHAPES = [
    (256, 100, 2_000),
    (256, 100, 50_000),
    (256, 800, 20_000),
    (256, 100, 1_000_000),
]
SHAPES += device.pick([], [(8192, 100, 50_000), (8192, 800, 200_000)])
MOST_DENSE = device.pick(1, 20) * 100_000_000  # counts of the dense product


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    compiled = torch.compile(reference.bow_linear)
    for documents, features, words in SHAPES:
        batch = zipf_batch(documents, words, length=150)
        indices, starts = batch.indices.long(), batch.indptr[:-1].contiguous()
        sparse = torch.sparse_csr_tensor(batch.indptr, indices, batch.counts, (documents, words))
        weight = torch.randn(words, features, requires_grad=True)

        bags = Bags(*batch).ordered()  # as in training: once for all ops

        def fast(weight: Tensor, bags: Bags = bags) -> Tensor:
            return ops.bow_linear(weight, bags)

        def torch_sparse(weight: Tensor, sparse: Tensor = sparse) -> Tensor:
            return sparse @ weight

        def embedding_bag(
            weight: Tensor, i: Tensor = indices, starts: Tensor = starts, x: Tensor = batch.counts
        ) -> Tensor:
            return F.embedding_bag(i, weight, starts, mode="sum", per_sample_weights=x)

        def compiled_reference(weight: Tensor, batch: ZipfBatch = batch) -> Tensor:
            return compiled(weight, *batch)

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
        rows += op_rows(
            "bow_linear",
            [weight],
            subjects,
            threads,
            floor=memory(4 * features * (words + len(batch.indices.unique()))),
            nonzeros=len(batch.indices),
        )
    return rows
