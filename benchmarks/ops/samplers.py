"""Samplers and the gamma gradient, whose rivals draw other numbers and can only be timed.

Each is checked against its reference first. torch draws x or θ, not their logarithms, and stops at
the smallest normal number; its sampler and its gradient are serial. Compiled references are left
out: their rejection loops do not compile. Floors are the arithmetic of the ops' own methods
(csrc/math/gamma_sampler.h, philox.h and gamma_gradient.h), without the draws that are rejected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Gamma, Weibull

from benchmarks.harness import machine
from benchmarks.harness.rows import check, draw_rows, error
from ntm_fast import ops, reference

Rows = Iterator[dict[str, Any]]
SEED = torch.tensor(1)
SHAPES = [(256, 50), (4096, 128), (65536, 50)]
RANGES = [(0.01, 10.0), (10.0, 1000.0)]  # topic models; and where torch has its fastest branch
# Multiply-adds in double precision that our own method takes for an element, counted in
# csrc/math (a division and an integer product of Philox as one, a float32 one as half).
GRADIENT = {torch.float32: 127, torch.float64: 254}
DRAW = {torch.float32: 82, torch.float64: 248}
EXPONENTIALS = {torch.float32: 15, torch.float64: 36}  # of both passes of log_dirichlet_rsample


def concentrations(shape: tuple[int, int], low: float, high: float, dtype: torch.dtype) -> Tensor:
    """Alpha, its logarithm uniform between those of low and high."""
    uniform = torch.rand(shape, dtype=torch.float64)
    return (math.log(low) + uniform * math.log(high / low)).exp().to(dtype)


def cases() -> Iterator[tuple[Tensor, dict[str, Any]]]:
    """Alpha and the columns that describe it: all shapes, and one with large alpha."""
    for dtype in (torch.float32, torch.float64):
        for shape in SHAPES:
            if shape == SHAPES[2] and dtype == torch.float64 and not machine.is_cuda():
                continue  # torch takes its time, and says no more than at SHAPES[1]
            for low, high in RANGES if shape == SHAPES[1] else RANGES[:1]:
                yield concentrations(shape, low, high, dtype), {"alpha": f"{low:g}..{high:g}"}


def gamma_implicit_gradient(threads: int) -> Rows:
    """torch._standard_gamma_grad takes x instead of log x.

    It is accurate to 1e-2 at worst where it is used. Our method does fewer of the floor's
    multiply-adds in double precision for float32 data.
    """
    for alpha, extra in cases():
        log_x = ops.log_gamma_rsample(alpha, SEED)
        x = log_x.double().exp().to(alpha.dtype).clamp_min(torch.finfo(alpha.dtype).tiny)
        few = alpha[:40], log_x[:40]
        value = ops.gamma_implicit_gradient(*few).double()
        truth = reference.gamma_implicit_gradient(*(t.double() for t in few))
        check("gamma_implicit_gradient", error(value / truth, torch.ones(1)), alpha.dtype)
        subjects = {
            "ntm_fast": lambda a=alpha, lx=log_x: ops.gamma_implicit_gradient(a, lx),
            "torch._standard_gamma_grad": lambda a=alpha, x=x: torch._standard_gamma_grad(a, x),
        }
        operations = GRADIENT[alpha.dtype]
        columns = {**extra, "arrays": 3, "operations": operations}
        yield from draw_rows("gamma_implicit_gradient", alpha, subjects, threads, **columns)


def log_gamma_rsample(threads: int) -> Rows:
    """Forward alone, and with backward."""
    for alpha, extra in cases():
        few = alpha[:40]
        found = error(ops.log_gamma_rsample(few, SEED), reference.log_gamma_rsample(few, SEED))
        check("log_gamma_rsample", found, alpha.dtype)
        leaf, ones = alpha.clone().requires_grad_(), torch.ones_like(alpha)
        rate = torch.ones((), dtype=alpha.dtype)

        def fast(leaf: Tensor = leaf, ones: Tensor = ones) -> object:
            return torch.autograd.grad(ops.log_gamma_rsample(leaf, SEED), leaf, ones)

        def torch_gamma(leaf: Tensor = leaf, ones: Tensor = ones, rate: Tensor = rate) -> object:
            draws = Gamma(leaf, rate, validate_args=False).rsample().log()
            return torch.autograd.grad(draws, leaf, ones)

        forward = {
            "ntm_fast": lambda a=alpha: ops.log_gamma_rsample(a, SEED),
            "torch._standard_gamma": lambda a=alpha: torch._standard_gamma(a),
        }
        both = {"ntm_fast": fast, "torch Gamma.rsample().log()": torch_gamma}
        draw, gradient = DRAW[alpha.dtype], GRADIENT[alpha.dtype]
        for subjects, passes, arrays, operations in (
            (forward, "forward", 2, draw),
            (both, "forward+backward", 6, draw + gradient),
        ):
            columns = {**extra, "passes": passes, "arrays": arrays, "operations": operations}
            yield from draw_rows("log_gamma_rsample", alpha, subjects, threads, **columns)


def with_backward(draw: Callable[[Tensor], Tensor], alpha: Tensor) -> Callable[[], object]:
    """A draw at alpha and its gradient there."""
    leaf, grad = alpha.clone().requires_grad_(), torch.randn_like(alpha)
    return lambda: torch.autograd.grad(draw(leaf), leaf, grad)


def schemes(op: str, threads: int, operations: Mapping[torch.dtype, float] | None = None) -> Rows:
    """A sampler of log θ, named as in `ops`, against the implicit one and torch, with backward.

    ``operations`` of an element by dtype are the floor, as in `draw_rows`.
    """
    draws: dict[str, Callable[[Tensor], Tensor]] = {
        "ntm_fast": lambda alpha: getattr(ops, op)(alpha, SEED),
        "log_dirichlet_rsample": lambda alpha: ops.log_dirichlet_rsample(alpha, SEED),
        "torch Dirichlet.rsample()": lambda alpha: Dirichlet(alpha, validate_args=False).rsample(),
        "torch Dirichlet.rsample().log()": lambda alpha: (
            Dirichlet(alpha, validate_args=False).rsample().log()
        ),
    }
    del draws["log_dirichlet_rsample" if op in draws else "torch Dirichlet.rsample()"]
    for alpha, extra in cases():
        few = alpha[:40]
        check(op, error(draws["ntm_fast"](few), getattr(reference, op)(few, SEED)), alpha.dtype)
        subjects = {name: with_backward(draw, alpha) for name, draw in draws.items()}
        floor = None if operations is None else operations[alpha.dtype]
        yield from draw_rows(op, alpha, subjects, threads, arrays=6, operations=floor, **extra)


def log_dirichlet_rsample(threads: int) -> Rows:
    """The floor is that of log_gamma_rsample with its gradient, and exponentials."""
    operations = {
        dtype: DRAW[dtype] + GRADIENT[dtype] + exponentials
        for dtype, exponentials in EXPONENTIALS.items()
    }
    return schemes("log_dirichlet_rsample", threads, operations)


def log_dirichlet_inverse_cdf(threads: int) -> Rows:
    return schemes("log_dirichlet_inverse_cdf", threads)


def log_dirichlet_rao_blackwell(threads: int) -> Rows:
    return schemes("log_dirichlet_rao_blackwell", threads)


def log_dirichlet_rsvi(threads: int) -> Rows:
    return schemes("log_dirichlet_rsvi", threads)


def log_weibull_rsample(threads: int) -> Rows:
    """Against torch.distributions.Weibull, with backward."""
    for shape, extra in cases():
        few = shape[:40]
        value = ops.log_weibull_rsample(few, 2.0, SEED)
        expected = reference.log_weibull_rsample(few, 2.0, SEED)
        found = error(value * few, expected * few)  # a small shape multiplies what rounding does
        check("log_weibull_rsample", found, shape.dtype)
        leaf, grad = shape.clone().requires_grad_(), torch.randn_like(shape)
        scale = torch.full_like(shape, 2.0).requires_grad_()

        def fast(leaf: Tensor = leaf, scale: Tensor = scale, grad: Tensor = grad) -> object:
            value = ops.log_weibull_rsample(leaf, scale, SEED)
            return torch.autograd.grad(value, (leaf, scale), grad)

        def plain(leaf: Tensor = leaf, scale: Tensor = scale, grad: Tensor = grad) -> object:
            value = Weibull(scale, leaf, validate_args=False).rsample().log()
            return torch.autograd.grad(value, (leaf, scale), grad)

        subjects = {"ntm_fast": fast, "torch Weibull.rsample().log()": plain}
        yield from draw_rows("log_weibull_rsample", shape, subjects, threads, arrays=8, **extra)


def logistic_normal_rsample(threads: int) -> Rows:
    """Against plain PyTorch, with backward; the tests hold ours to the reference."""
    for shape in machine.pick([(200, 50), (4096, 128)], [(200, 50), (4096, 128), (65536, 128)]):
        mean, log_variance = (torch.randn(shape, requires_grad=True) for _ in range(2))
        leaves, grad = (mean, log_variance), torch.randn(shape)

        def fast(leaves: Any = leaves, grad: Any = grad) -> object:
            theta = ops.logistic_normal_rsample(*leaves, SEED)
            return torch.autograd.grad(theta, leaves, grad)

        def eager(leaves: Any = leaves, grad: Any = grad) -> object:
            mean, log_variance = leaves
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            return torch.autograd.grad(z.softmax(1), leaves, grad)

        subjects = {"ntm_fast": fast, "eager": eager}
        yield from draw_rows("logistic_normal_rsample", mean, subjects, threads, arrays=10)
