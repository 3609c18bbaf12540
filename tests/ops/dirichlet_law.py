"""Checks that all samplers of Dirichlet draws have to pass."""

from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor

from tests.ops import checks

Sampler = Callable[..., Tensor]


def concentrations(rows: int, topics: int, centre: float, dtype: torch.dtype) -> Tensor:
    alpha = (torch.randn(rows, topics, dtype=torch.float64) * 1.5 + centre).exp()
    return alpha.to(dtype).requires_grad_()


def standard_errors(samples: Tensor, expected: Tensor) -> float:
    """Largest distance of a column's mean from what is expected, in standard errors."""
    error = samples.std(0) / len(samples) ** 0.5
    return float(((samples.mean(0) - expected).abs() / error.clamp_min(1e-300)).max())


def check_law(sampler: Sampler, a: float, dtype: torch.dtype, seed: Tensor) -> None:
    """E[log θ] = ψ(α) − ψ(Σα), E[θ] = α / Σα, and the marginals are Beta's."""
    n, topics = 20_000, 4
    alpha = (torch.arange(1, topics + 1, dtype=dtype) * a).expand(n, topics)
    log_theta = sampler(alpha, seed).double()
    exact, total = alpha[0].double(), alpha[0].double().sum()
    assert standard_errors(log_theta, exact.digamma() - total.digamma()) < 4.5
    assert (log_theta.exp().sum(1) - 1).abs().max() < 20 * torch.finfo(dtype).eps
    if a >= 0.05:
        assert standard_errors(log_theta.exp(), exact / total) < 4.5
        beta = stats.beta(float(exact[0]), float(total - exact[0]))
        assert stats.kstest(log_theta[:, 0].exp().numpy(), beta.cdf).pvalue > 1e-4


def check_contracts(sampler: Sampler, name: str, seed: Tensor) -> None:
    """Threads, transforms, compilation, shapes, half types and bad input."""
    alpha = concentrations(200, 37, 0.0, torch.float32)
    checks.check_threads(sampler, [alpha, seed])
    checks.check_func_grad(sampler, [alpha, seed])
    checks.check_compile(sampler, [alpha, seed])
    plain = alpha.detach()
    assert torch.equal(sampler(plain[:7].reshape(7, 1, 37), seed)[:, 0], sampler(plain[:7], seed))
    assert torch.equal(sampler(plain[0], seed), sampler(plain[:1], seed)[0])
    half = plain.bfloat16()
    assert torch.equal(sampler(half, seed), sampler(half.float(), seed).bfloat16())
    certain = concentrations(9, 1, 0.0, torch.float32)
    value = sampler(certain, seed)
    (slope,) = torch.autograd.grad(value.sum(), certain)
    assert not value.any()
    assert not slope.any()
    bad = plain.clone()
    bad[11, 3] = -1
    if bad.is_cuda:  # where an error would have to be waited for
        assert sampler(bad, seed)[11].isnan().all()
    else:
        message = r"alpha\[11, 3\] is -1, expected positive and finite"
        with pytest.raises(ValueError, match=message):
            sampler(bad, seed)
    for shape in ((), (3, 0)):
        with pytest.raises(ValueError, match=rf"{name}: alpha has shape .* expected \[..., K\]"):
            sampler(torch.ones(shape), seed)
    with pytest.raises(ValueError, match="expected a 0-dimensional int64 tensor"):
        sampler(plain, seed.float())
