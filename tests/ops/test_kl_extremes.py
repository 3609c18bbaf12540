"""KL divergences of parameters from 1e-38 to 1e38 against mpmath."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops

DIGITS = 200  # parts of 1e114 cancel
CHANGE = 2e-15  # of the arguments, relative: its effect is allowed as an error


def divergence(a: Any, b: Any) -> Any:
    """The height of log Γ at b above its tangent at a."""
    return mpmath.loggamma(b) - mpmath.loggamma(a) - (b - a) * mpmath.digamma(a)


def dirichlet(*x: Any) -> Any:
    a, b = x[: len(x) // 2], x[len(x) // 2 :]
    of_sums = divergence(mpmath.fsum(a), mpmath.fsum(b))
    return mpmath.fsum(map(divergence, a, b)) - of_sums


def gamma(a: Any, r: Any, b: Any, q: Any) -> Any:
    w = q / r
    return divergence(a, b) + b * (w - 1 - mpmath.log(w)) + (a - b) * (w - 1)


def weibull_gamma(k: Any, scale: Any, a: Any, b: Any) -> Any:
    mean = mpmath.exp(mpmath.log(scale * b) + mpmath.loggamma(1 + 1 / k))
    logs = a * (mpmath.euler / k - mpmath.log(scale * b)) + mpmath.loggamma(a) + mpmath.log(k)
    return logs + mean - mpmath.euler - 1


def normal(mean: Any, log_variance: Any, prior_mean: Any, prior_log_variance: Any) -> Any:
    x = log_variance - prior_log_variance
    squared = (mean - prior_mean) ** 2 * mpmath.exp(-prior_log_variance)
    return (mpmath.exp(x) - 1 - x + squared) / 2


def rows_of(values: Sequence[float], dtype: torch.dtype, count: int) -> list[Tensor]:
    """The values as ``count`` rows [1, K]."""
    return list(torch.tensor(values, dtype=dtype).reshape(count, 1, -1))


def check(
    op: Callable[..., Tensor], truth: Any, arguments: list[Tensor], change: float = CHANGE
) -> None:
    """Within 1e-10 (float32: 2e-7) of max(KL, 1), plus that of ``change`` in the arguments."""
    single = arguments[0].dtype == torch.float32
    with mpmath.workdps(DIGITS):
        x = [mpmath.mpf(v) for argument in arguments for v in argument.flatten().tolist()]
        right = truth(*x)
        slack = mpmath.mpf(2e-7 if single else 1e-10) * max(abs(right), 1)
        for i in range(len(x)):
            moved = [v * (1 + mpmath.mpf(change)) if i == j else v for j, v in enumerate(x)]
            slack += abs(truth(*moved) - right)
        value = op(*arguments).item()
        if right > torch.finfo(arguments[0].dtype).max:
            assert value == float("inf")
        else:
            assert abs(mpmath.mpf(value) - right) <= slack, (float(right), value)


positive = st.floats(-38, 38).map(lambda x: min(max(10.0**x, 1e-38), 1e38))
near_one = st.sampled_from([1.0, 1 + 1e-9, 2.0, 3.0, 0.5])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@dtypes
@given(st.lists(st.tuples(positive, st.one_of(positive, near_one)), min_size=1, max_size=6))
@settings(max_examples=60)
def test_kl_dirichlet(dtype: torch.dtype, pairs: list[tuple[float, float]]) -> None:
    a = [a for a, _ in pairs]
    for b in ([b for _, b in pairs], [a * min(b, 1e38 / a) for a, b in pairs], [0.5] * len(a)):
        if min(b) >= 1e-38:
            check(ops.kl_dirichlet, dirichlet, rows_of([*a, *b], dtype, 2))


@dtypes
@given(positive, positive, positive, positive, near_one)
@settings(max_examples=60)
def test_kl_gamma(
    dtype: torch.dtype, a: float, r: float, b: float, q: float, factor: float
) -> None:
    for values in ((a, r, b, q), (a, r, a, q), (a, r, a * factor, r), (a, r, b, b / a * r)):
        if all(1e-38 <= x <= 1e38 for x in values):
            check(ops.kl_gamma, gamma, rows_of(values, dtype, 4))


@dtypes
@given(positive, positive, positive, positive)
@settings(max_examples=60)
def test_kl_weibull_gamma(dtype: torch.dtype, k: float, scale: float, a: float, b: float) -> None:
    for values in ((k, scale, a, b), (k, scale, a, a / scale), (max(k, 1), b, a, a / b)):
        if all(1e-38 <= x <= 1e38 for x in values):
            check(ops.kl_weibull_gamma, weibull_gamma, rows_of(values, dtype, 4))


signed = st.one_of(
    st.just(0.0), st.tuples(positive, st.sampled_from([-1, 1])).map(lambda x: x[0] * x[1])
)


@dtypes
@given(signed, st.floats(-200, 200), signed, st.floats(-200, 200))
@settings(max_examples=60)
def test_kl_normal(dtype: torch.dtype, mean: float, log: float, prior: float, other: float) -> None:
    change = 2e-7 if dtype == torch.float32 else CHANGE  # it is computed in float32
    for values in ([mean, log, prior, other], [mean, log, mean, other]):
        check(ops.kl_normal, normal, rows_of(values, dtype, 4), change)


@pytest.mark.parametrize("largest", [1e8, 1e12, 1e16, 1e20, 1e30, 1e38])
def test_one_huge_alpha(largest: float) -> None:
    values = [largest, 0.5, 2, 7, 0.01, *[0.5] * 5]
    for dtype in (torch.float32, torch.float64):
        alpha, prior = rows_of(values, dtype, 2)
        check(ops.kl_dirichlet, dirichlet, [alpha, prior])
        alpha.requires_grad_()
        ops.kl_dirichlet(alpha, prior).backward()
        assert alpha.grad is not None
        with mpmath.workdps(DIGITS):
            a, b = ([mpmath.mpf(x) for x in row.flatten().tolist()] for row in (alpha, prior))
            of_sums = (sum(a) - sum(b)) * mpmath.psi(1, sum(a))
            right = [(x - y) * mpmath.psi(1, x) - of_sums for x, y in zip(a, b, strict=True)]
        torch.testing.assert_close(
            alpha.grad[0].double(), torch.tensor([float(x) for x in right], dtype=torch.float64),
            rtol=1e-6 if dtype == torch.float32 else 1e-9, atol=1e-45,
        )  # fmt: skip


@dtypes
@given(positive, positive)
def test_a_single_topic_has_no_divergence(dtype: torch.dtype, a: float, b: float) -> None:
    arguments = [x.requires_grad_() for x in rows_of([a, b], dtype, 2)]
    kl = ops.kl_dirichlet(*arguments)
    assert kl.item() == 0
    for gradient in torch.autograd.grad(kl.sum(), arguments):
        assert gradient.item() == 0
