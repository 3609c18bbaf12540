"""KL divergences of rows against torch.distributions or eager references, and compiled ones.

A floor is the arithmetic of the op's own method (csrc/math/gamma_divergence.h), forward and
backward, in multiply-adds in double precision an element; kl_normal's is its memory traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Gamma, kl_divergence

from benchmarks.harness import machine
from benchmarks.harness.rows import op_rows
from benchmarks.harness.timing import arithmetic
from ntm_fast import ops, reference

Rows = Iterator[dict[str, Any]]
SHAPES = machine.pick([(256, 50), (4096, 128)], [(256, 50), (4096, 128), (65536, 128)])
OPERATIONS = {
    "kl_dirichlet": 155,  # 120 forward, 35 backward (trigamma)
    "kl_gamma": 195,  # 150 forward, 45 backward
    "kl_weibull_gamma": 160,  # two logarithms, an exponential, lgamma and digamma twice each
}


def rows_of(
    op: str, threads: int, eager: tuple[str, Callable[..., Tensor]], inputs: list[list[Tensor]]
) -> Rows:
    """Rows of one op on each of the inputs."""
    name, rival = eager
    subjects = {
        "ntm_fast": getattr(ops, op),
        name: rival,
        "compiled": torch.compile(getattr(reference, op)),
    }
    for args in inputs:
        floor = None
        if op in OPERATIONS:
            floor = arithmetic(OPERATIONS[op] * args[0].numel(), args[0].dtype)
        yield from op_rows(op, args, subjects, threads, floor=floor)


def positive(shape: tuple[int, int], least: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.rand(shape, dtype=dtype) * 3 + least).requires_grad_()


def kl_dirichlet(threads: int) -> Rows:
    def eager(alpha: Tensor, prior: Tensor) -> Tensor:
        p, q = (Dirichlet(x, validate_args=False) for x in (alpha, prior))
        return kl_divergence(p, q)

    inputs = [
        [positive(shape, 0.01, dtype), torch.full(shape[1:], 0.1, dtype=dtype)]
        for shape in SHAPES
        for dtype in (torch.float32, torch.float64)
    ]
    return rows_of("kl_dirichlet", threads, ("torch.distributions", eager), inputs)


def gammas(least: float) -> list[list[Tensor]]:
    """Two parameters of a posterior of each shape, and those of a Gamma(0.1, 1) prior."""
    return [
        [*(positive(shape, least) for _ in range(2))]
        + [torch.full(shape[1:], value) for value in (0.1, 1.0)]
        for shape in SHAPES
    ]


def kl_gamma(threads: int) -> Rows:
    def eager(alpha: Tensor, rate: Tensor, prior_alpha: Tensor, prior_rate: Tensor) -> Tensor:
        p = Gamma(alpha, rate, validate_args=False)
        return kl_divergence(p, Gamma(prior_alpha, prior_rate, validate_args=False)).sum(-1)

    return rows_of("kl_gamma", threads, ("torch.distributions", eager), gammas(0.01))


def kl_weibull_gamma(threads: int) -> Rows:
    eager = ("eager", reference.kl_weibull_gamma)
    return rows_of("kl_weibull_gamma", threads, eager, gammas(0.2))


def kl_normal(threads: int) -> Rows:
    inputs = [[torch.randn(shape, requires_grad=i < 2) for i in range(4)] for shape in SHAPES]
    return rows_of("kl_normal", threads, ("eager", reference.kl_normal), inputs)
