"""A step of our Adam against torch's, and of rows that wait for their steps against both.

The floor is the memory traffic of a step: four arrays read, three written. The parameters are those
of models of this package; of the encoder's first layer a batch touches the share of rows named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.floor import memory
from benchmarks.rows import check_alike, timed
from ntm_fast.optim import Adam

HIDDEN, TOPICS = 100, 50
SIZES = {2_000: 0.9, 54_000: 0.08, 300_000: 0.015}  # words, share of them in a batch
STEPS = 64  # of different batches, after each of which all rows are brought up to date


class Model:
    """Parameters of an encoder of two layers and a decoder, with gradients of a few batches."""

    def __init__(
        self, words: int, share: float, sparse: bool, optimiser: Callable[..., Any]
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        shapes = [(words, HIDDEN), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (words, TOPICS)]
        self.parameters = [
            torch.nn.Parameter(0.01 * torch.randn(shape, generator=generator)) for shape in shapes
        ]
        self.optimiser = optimiser(self.parameters, lr=2e-3)
        for parameter in self.parameters[1:]:
            parameter.grad = 1e-3 * torch.randn(parameter.shape, generator=generator)
        # Words of rank r occur as often as 1/r, so that some rows wait long.
        ranks = torch.arange(1, words + 1, dtype=torch.float64)
        touched = max(1, int(share * words))
        self.gradients = []
        for _ in range(4):
            noise = torch.rand(words, dtype=torch.float64, generator=generator).log()
            rows = (noise * ranks).topk(touched).indices.sort().values
            values = 1e-3 * torch.randn(touched, HIDDEN, generator=generator)
            gradient = torch.sparse_coo_tensor(
                rows[None], values, shapes[0], is_coalesced=True, check_invariants=False
            )
            self.gradients.append(gradient if sparse else gradient.to_dense())
        self.steps = 0

    def step(self) -> None:
        gradient = self.gradients[self.steps % len(self.gradients)]
        encoder = self.parameters[0]
        if isinstance(self.optimiser, Adam) and gradient.is_sparse:
            self.optimiser.catch_up(encoder, gradient.indices()[0])
        encoder.grad = gradient
        self.optimiser.step()
        self.steps += 1
        if self.steps % STEPS == 0 and isinstance(self.optimiser, Adam):
            self.optimiser.flush()

    def result(self) -> list[Tensor]:
        """Parameters after a few steps, all rows up to date."""
        for _ in range(10):
            self.step()
        if isinstance(self.optimiser, Adam):
            self.optimiser.flush()
        return [parameter.detach() for parameter in self.parameters]


def fused(parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for words, share in SIZES.items():
        models = {
            "ntm_fast": Model(words, share, False, Adam),
            "ntm_fast, rows wait": Model(words, share, True, Adam),
            "torch, fused": Model(words, share, False, fused),
        }
        check_alike("adam", {name: model.result() for name, model in models.items()}, 1e-4)
        elements = sum(p.numel() for p in models["ntm_fast"].parameters)
        figures = timed(
            {name: model.step for name, model in models.items()},
            threads,
            floor=memory(7 * 4 * elements),
        )
        rows += [
            {
                "op": "adam",
                "subject": name,
                "shape": f"V={words:,}, H={HIDDEN}, K={TOPICS}, {share:.1%} of the rows touched",
                "dtype": "float32",
                "threads": threads,
                **figure,
                "ns_per_element": figure["seconds"] / elements * 1e9,
            }
            for name, figure in figures.items()
        ]
    return rows
