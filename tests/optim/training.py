"""Shared by the tests of optimisers: parameters, their gradients, and some steps."""

from collections.abc import Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

Shapes = Sequence[tuple[int, ...]]
SHAPES: Shapes = [(3, 17), (), (0, 4), (40,), (2, 1, 5)]
OPTIONS = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([1e-3, 0.02, 0.0]),
        "betas": st.sampled_from([(0.9, 0.999), (0.99, 0.999), (0.0, 0.5)]),
        "eps": st.sampled_from([1e-8, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
    }
)


def parameters(shapes: Shapes, dtype: torch.dtype) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return [torch.nn.Parameter(value.to(dtype)) for value in values]


def gradients(shapes: Shapes, step: int) -> list[Tensor]:
    """Of very different sizes, some of them 0, the same for all dtypes."""
    generator = torch.Generator().manual_seed(step)
    values = [torch.randn(s, generator=generator) for s in shapes]
    return [v * 10.0 ** (4 * v.sin() - 4) * (v < 1.5) for v in values]


def train(
    optimiser: type[torch.optim.Optimizer],
    dtype: torch.dtype,
    steps: int,
    shapes: Shapes = SHAPES,
    **options: Any,
) -> tuple[list[Tensor], torch.optim.Optimizer]:
    values = parameters(shapes, dtype)
    adam = optimiser(values, **options)
    for step in range(steps):
        for value, gradient in zip(values, gradients(shapes, step), strict=True):
            value.grad = gradient.to(dtype)
        adam.step()
    return [v.detach() for v in values], adam


def error(values: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    pairs = zip(values, truth, strict=True)
    return max(float((v.double() - t).abs().max()) for v, t in pairs if t.numel())
