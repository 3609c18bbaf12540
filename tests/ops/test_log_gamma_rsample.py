import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from torch import Tensor

from ntm_fast import ops, reference
from ntm_fast.reference._philox import philox
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

SEED = torch.tensor(-7_046_029_254_386_353_131)
DTYPES = [torch.float32, torch.float64]
ALPHAS = [1e-5, 1e-3, 0.02, 0.3, 0.999, 1.0, 2.5, 40.0, 1e4]
# Differences between the op and its float64 reference, relative to 1 + |log g|.
ROUNDING = {torch.float32: 2e-6, torch.float64: 2e-14}


def difference(value: Tensor, truth: Tensor) -> float:
    distance = (value.double() - truth.double()).abs() / (1 + truth.double().abs())
    return float(distance.max()) if distance.numel() else 0.0


def test_philox_known_answers() -> None:
    """Vectors of the authors' own test, Random123 kat_vectors."""
    ones = 0xFFFFFFFFFFFFFFFF
    cases = [
        (0, 0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (ones, ones, 0xFFFFFFFF, 0xFFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (0x299F31D0A4093822, 0x85A308D3243F6A88, 0x13198A2E, 0x03707344,
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ]  # fmt: skip
    for seed, element, round, half, expected in cases:
        signed = [torch.tensor([v if v < 2**63 else v - 2**64]) for v in (seed, element)]
        words = philox(signed[0], signed[1], round, half)
        assert " ".join(f"{int(word):08x}" for word in words) == expected


@given(
    shape=st.lists(st.integers(0, 40), max_size=3),
    dtype=st.sampled_from(DTYPES),
    centre=st.floats(-12, 12),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_same_draws_as_reference(
    shape: list[int], dtype: torch.dtype, centre: float, seed: int
) -> None:
    alpha = (torch.randn(shape, dtype=torch.float64) * 2 + centre).exp().to(dtype)
    draws = ops.log_gamma_rsample(alpha, torch.tensor(seed))
    expected = reference.log_gamma_rsample(alpha, torch.tensor(seed))
    assert draws.shape == alpha.shape
    assert draws.dtype == dtype
    assert difference(draws, expected) < ROUNDING[dtype]


def test_float32_draws_are_the_float64_draws_rounded() -> None:
    alpha = torch.logspace(-5, 4, 200_000)
    single = ops.log_gamma_rsample(alpha, SEED)
    assert difference(single, ops.log_gamma_rsample(alpha.double(), SEED)) < 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a", ALPHAS)
def test_identities(a: float, dtype: torch.dtype) -> None:
    """Means in standard errors of n draws; the seed is fixed, so this passes or fails for good."""
    n = 200_000
    alpha = torch.full((n,), a, dtype=dtype, requires_grad=True)
    log_gamma = ops.log_gamma_rsample(alpha, SEED)
    (gradient,) = torch.autograd.grad(log_gamma.sum(), alpha)
    exact = alpha.detach()[:1].double()
    mean, variance = torch.digamma(exact), torch.polygamma(1, exact)
    draws, slope = log_gamma.detach().double(), gradient.double()

    def standard_errors(samples: Tensor, expected: Tensor) -> float:
        return float((samples.mean() - expected).abs() / (samples.std() / n**0.5))

    assert standard_errors(draws, mean) < 4
    assert standard_errors((draws - mean) ** 2, variance) < 4
    assert standard_errors(slope, variance) < 4
    if a >= 1e-2:
        assert standard_errors(draws.exp(), exact) < 4
        assert standard_errors(draws.exp() * slope, torch.ones(1)) < 4


@pytest.mark.parametrize("a", ALPHAS)
def test_distribution(a: float) -> None:
    """Kolmogorov-Smirnov against the exact CDF, in log space where a draw underflows."""
    n = 50_000
    draws = ops.log_gamma_rsample(torch.full((n,), a), SEED).double().sort().values.cpu().numpy()
    exact = float(torch.tensor(a))
    low = np.minimum(draws, -40)
    near_zero = np.exp(exact * low - special.gammaln(exact + 1))  # x^a / Gamma(a + 1), x -> 0
    cdf = np.where(draws < -40, near_zero, special.gammainc(exact, np.exp(draws)))
    steps = np.arange(n + 1) / n
    distance = max((steps[1:] - cdf).max(), (cdf - steps[:-1]).max())
    assert distance * math.sqrt(n) < 1.95  # exceeded once in a thousand


def test_gradient_is_that_of_the_draws(device: str) -> None:
    single = 3e-7 if device == "cpu" else 1.2e-6  # on a GPU the arithmetic is float32 too
    for dtype, bound in ((torch.float32, single), (torch.float64, 2e-14)):
        alpha = torch.logspace(-5, 5, 4000, dtype=dtype, requires_grad=True)
        log_gamma = ops.log_gamma_rsample(alpha, SEED)
        weights = torch.randn(4000, dtype=dtype)
        (gradient,) = torch.autograd.grad((log_gamma * weights).sum(), alpha)
        expected = weights * reference.gamma_implicit_gradient(alpha, log_gamma)
        assert float((gradient / expected - 1).abs().max()) < bound


def test_draws_depend_on_seed_and_position_alone() -> None:
    alpha = torch.logspace(-3, 3, 10_000)
    draws = ops.log_gamma_rsample(alpha, SEED)
    assert torch.equal(ops.log_gamma_rsample(alpha[:5001], SEED), draws[:5001])
    assert torch.equal(ops.log_gamma_rsample(alpha.reshape(100, 100), SEED).flatten(), draws)
    assert torch.equal(ops.log_gamma_rsample(alpha.flip(0).clone().flip(0), SEED), draws)
    assert (ops.log_gamma_rsample(alpha, SEED + 1) != draws).float().mean() > 0.999


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_alpha_stays_finite(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    alpha = torch.tensor([limits.tiny, 1e-30, 1e30, limits.max], dtype=dtype)
    assert ops.log_gamma_rsample(alpha.repeat(500), SEED).isfinite().all()


@pytest.mark.cpu
@pytest.mark.parametrize("bad", [0.0, -1.0, torch.nan, torch.inf])
def test_bad_alpha(bad: float) -> None:
    alpha = torch.ones(70, 90)
    alpha[55, 7] = alpha[60, 1] = bad
    with pytest.raises(ValueError, match=rf"alpha\[55, 7\] is {bad:g}, expected positive"):
        ops.log_gamma_rsample(alpha, SEED)
    with pytest.raises(ValueError, match="positive and finite"):
        reference.log_gamma_rsample(alpha, SEED)


def test_bad_types() -> None:
    with pytest.raises(ValueError, match="alpha must be float32 or float64, got int64"):
        ops.log_gamma_rsample(torch.ones(3).long(), SEED)
    with pytest.raises(TypeError, match="seed is of type NoneType, expected a Tensor"):
        ops.log_gamma_rsample(torch.ones(3), None)  # type: ignore[arg-type]
    for seed in (SEED.reshape(1), SEED.int(), SEED.double()):
        with pytest.raises(ValueError, match=r"seed .* expected a 0-dimensional int64 tensor"):
            ops.log_gamma_rsample(torch.ones(3), seed)


def test_half_types_are_computed_in_float32() -> None:
    alpha = torch.rand(100).bfloat16() + 0.1
    expected = ops.log_gamma_rsample(alpha.float(), SEED)
    assert torch.equal(ops.log_gamma_rsample(alpha, SEED), expected.bfloat16())


def test_contracts() -> None:
    alpha = torch.logspace(-3, 3, 20_000, requires_grad=True)
    checks.check_threads(ops.log_gamma_rsample, [alpha, SEED])
    checks.check_func_grad(ops.log_gamma_rsample, [alpha, SEED])
    checks.check_compile(ops.log_gamma_rsample, [alpha, SEED])
    torch.library.opcheck(torch.ops.ntm_fast.log_gamma_rsample.default, (alpha, SEED))
    (gradient,) = torch.autograd.grad(
        ops.log_gamma_rsample(alpha, SEED).square().sum(), alpha, create_graph=True
    )
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
seed = torch.tensor(11)
for dtype in (torch.float32, torch.float64):
    alpha = torch.logspace(-5, 5, 60_000, dtype=dtype)
    truth = reference.log_gamma_rsample(alpha, seed).double()
    difference = ops.log_gamma_rsample(alpha, seed).double() - truth
    print((difference.abs() / (1 + truth.abs())).max().item())
"""
    single, double = map(float, run_at_level(level, code).split())
    assert single < ROUNDING[torch.float32]
    assert double < ROUNDING[torch.float64]
