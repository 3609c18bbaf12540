"""Implicit gradient of gamma draws, in plain PyTorch and float64."""

import torch
from torch import Tensor


def gamma_implicit_gradient(alpha: Tensor, log_x: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.gamma_implicit_gradient`; series, run until they converge."""
    if not ((alpha > 0) & alpha.isfinite()).all():
        raise ValueError("gamma_implicit_gradient: alpha must be positive and finite")
    a, log = torch.broadcast_tensors(alpha.detach().double(), log_x.detach().double())
    log = log.clamp(max=1e4)  # x = infinity, whose gradient is 0
    u = log - a.log()
    large = (a > 50) & (u.abs() < 1)
    upper = ~large & (log > (a + 1).log())
    result = torch.empty_like(u)
    result[large] = _large_alpha(a[large], u[large])
    result[upper] = _continued_fraction(a[upper], log[upper])
    rest = ~large & ~upper
    result[rest] = _series(a[rest], log[rest])
    return result.to(alpha.dtype)


def _series(a: Tensor, log_x: Tensor) -> Tensor:
    """x <= a + 1: ((psi(a+1) - log x) Σ c_n + Σ c_n Σ_{k<=n} 1/(a+k)) / a, c_n = x^n / (a+1)_n."""
    x, n = log_x.exp(), 0
    term, total = torch.ones_like(a), torch.ones_like(a)
    harmonic, weighted = torch.zeros_like(a), torch.zeros_like(a)
    while (term * (1 + harmonic) > 1e-18 * total).any():
        n += 1
        harmonic += 1 / (a + n)
        term = term * x / (a + n)
        total += term
        weighted += term * harmonic
    return ((torch.digamma(a + 1) - log_x) * total + weighted) / a


def _continued_fraction(a: Tensor, log_x: Tensor, steps: int = 200) -> Tensor:
    """x > a + 1: Legendre's fraction f of the upper function and its derivative df in a."""
    x = log_x.exp()
    f, df = x + 2 * steps + 1 - a, -torch.ones_like(a)
    for k in range(steps, 0, -1):
        c = k * (k - a)
        f, df = x + 2 * k - 1 - a - c / f, (k + c * df / f) / f - 1
    return (log_x - torch.digamma(a) - df / f) / f


def _large_alpha(a: Tensor, u: Tensor, degree: int = 24) -> Tensor:
    """a L = Σ_j e_j(u) a^-j; e_0 = u / (exp u - 1), e_j = (c_j + e_{j-1}') / (exp u - 1)."""
    c = [1 / 2, 1 / 12, 0, -1 / 120, 0, 1 / 252, 0, -1 / 240, 0, 1 / 132]  # B_j / j after the first
    inverse = [1.0]  # u / (exp u - 1), whose Taylor coefficients sum to 0 with those of exp
    factorial = [1.0]
    for n in range(1, degree + 2 * len(c) + 1):
        factorial.append(factorial[-1] * (n + 1))
        inverse.append(-sum(inverse[n - k] / factorial[k] for k in range(1, n + 1)))
    row, total = inverse, torch.zeros_like(a)
    for j in range(len(c) + 1):
        value = torch.zeros_like(u)
        for coefficient in row[degree::-1]:
            value = value * u + coefficient
        total += value * a**-j
        if j < len(c):
            divided = [k * v for k, v in enumerate(row)][2:]  # (c_j + e') / u: it begins with 0
            row = [
                sum(divided[k] * inverse[n - k] for k in range(n + 1)) for n in range(len(divided))
            ]
    return total / a
