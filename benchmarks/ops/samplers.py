"""Rows of ops on random draws, whose peers draw other numbers and can only be timed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from benchmarks import device
from benchmarks.floor import arithmetic, memory
from benchmarks.rows import disagree, runnable, timed
from ntm_fast import ops, reference

SHAPES = [(256, 50), (4096, 128), (65536, 50)]
RANGES = [(0.01, 10.0), (10.0, 1000.0)]  # topic models; and where torch has its fastest branch
# Multiply-adds in double precision that our own method takes for an element, counted in
# csrc/math (a division and an integer product of Philox as one, a float32 one as half).
GRADIENT = {torch.float32: 127, torch.float64: 254}
DRAW = {torch.float32: 82, torch.float64: 248}


def concentrations(shape: tuple[int, int], low: float, high: float, dtype: torch.dtype) -> Tensor:
    """Alpha, its logarithm uniform between those of low and high."""
    uniform = torch.rand(shape, dtype=torch.float64)
    return (math.log(low) + uniform * math.log(high / low)).exp().to(dtype)


def cases() -> Iterator[tuple[Tensor, dict[str, Any]]]:
    """Alpha and the columns that describe it: all shapes, and one with large alpha."""
    for dtype in (torch.float32, torch.float64):
        for shape in SHAPES:
            if shape == SHAPES[2] and dtype == torch.float64 and not device.is_cuda():
                continue  # torch takes its time, and says no more than at SHAPES[1]
            for low, high in RANGES if shape == SHAPES[1] else RANGES[:1]:
                yield concentrations(shape, low, high, dtype), {"alpha": f"{low:g}..{high:g}"}


def error(value: Tensor, truth: Tensor) -> float:
    """Largest difference, relative to 1 + |truth|; on a GPU that of all but one in a hundred.

    There a proposal at the edge may be rejected by one and accepted by the other.
    """
    difference = (value.double() - truth.double()).abs() / (1 + truth.double().abs())
    return float(difference.flatten().quantile(device.pick(1.0, 0.99)))


def check(op: str, found: float, dtype: torch.dtype) -> None:
    """`disagree` if a relative error exceeds what rounding in dtype explains."""
    bound = 1e-13 if dtype == torch.float64 else device.pick(3e-6, 2e-5)
    if not found <= bound:
        disagree(f"{op}: differs from the reference by {found:.2g} in {dtype}")


def draw_rows(
    op: str,
    tensor: Tensor,
    subjects: dict[str, Callable[[], object]],
    threads: int,
    *,
    arrays: int,
    operations: float | None = None,
    **extra: Any,
) -> list[dict[str, Any]]:
    """Times of the subjects on ``tensor``; each row's ratio is over the first, ours.

    The floor of ``share_of_floor`` is the multiply-adds in double precision that an element takes,
    ``operations``, or without them to read and write so many ``arrays`` of the tensor's size.
    """
    if operations is None:
        floor = memory(arrays * tensor.nbytes)
    else:
        floor = arithmetic(operations * tensor.numel(), tensor.dtype)
    able = runnable(op, subjects)
    subjects = {name: subjects[name] for name in able}
    figures = timed(subjects, threads, floor=floor, budget=1.5)
    return [
        {
            "op": op,
            "subject": name,
            "shape": "x".join(map(str, tensor.shape)),
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "threads": threads,
            **figure,
            "ns_per_element": figure["seconds"] / tensor.numel() * 1e9,
            **extra,
        }
        for name, figure in figures.items()
    ]


def with_backward(draw: Callable[[Tensor], Tensor], alpha: Tensor) -> Callable[[], object]:
    """A draw at alpha and its gradient there."""
    leaf, grad = alpha.clone().requires_grad_(), torch.randn_like(alpha)
    return lambda: torch.autograd.grad(draw(leaf), leaf, grad)


def scheme_rows(
    op: str, threads: int, operations: Mapping[torch.dtype, float] | None = None
) -> list[dict[str, Any]]:
    """A sampler of log θ, named as in `ops`, against the implicit one and torch, with backward.

    ``operations`` of an element by dtype are the floor, as in `draw_rows`.
    """
    seed = torch.tensor(1)
    draws: dict[str, Callable[[Tensor], Tensor]] = {
        "ntm_fast": lambda alpha: getattr(ops, op)(alpha, seed),
        "log_dirichlet_rsample": lambda alpha: ops.log_dirichlet_rsample(alpha, seed),
        "torch Dirichlet.rsample()": lambda alpha: Dirichlet(alpha, validate_args=False).rsample(),
        "torch Dirichlet.rsample().log()": lambda alpha: (
            Dirichlet(alpha, validate_args=False).rsample().log()
        ),
    }
    del draws["log_dirichlet_rsample" if op in draws else "torch Dirichlet.rsample()"]
    rows = []
    for alpha, extra in cases():
        few = alpha[:40]
        check(op, error(draws["ntm_fast"](few), getattr(reference, op)(few, seed)), alpha.dtype)
        subjects = {name: with_backward(draw, alpha) for name, draw in draws.items()}
        floor = None if operations is None else operations[alpha.dtype]
        rows += draw_rows(op, alpha, subjects, threads, arrays=6, operations=floor, **extra)
    return rows
