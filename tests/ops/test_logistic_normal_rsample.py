import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from ntm_fast.reference._philox import normals
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

BOTH = ops.logistic_normal_rsample, reference.logistic_normal_rsample
SEEDS = st.integers(-(2**63), 2**63 - 1).map(torch.tensor)


def inputs(*shape: int, seed: int = 3) -> list[torch.Tensor]:
    mean, log_variance = (torch.randn(*shape, dtype=torch.float64) for _ in range(2))
    return [mean.requires_grad_(), log_variance.requires_grad_(), torch.tensor(seed)]


@given(
    rows=st.lists(st.integers(0, 5), max_size=2),
    topics=st.integers(1, 130),
    spread=st.sampled_from([0.01, 1.0, 10.0]),
    seed=SEEDS,
)
def test_equals_reference(rows: list[int], topics: int, spread: float, seed: torch.Tensor) -> None:
    mean, log_variance, _ = inputs(*rows, topics)
    args = [(spread * t.detach()).requires_grad_() for t in (mean, log_variance)]
    checks.check_float64(*BOTH, [*args, seed], 1e-12)
    single = [*checks.to_dtype(args, torch.float32), seed]
    for value, truth in zip(
        checks.gradients(BOTH[0], single), checks.gradients(BOTH[1], single), strict=True
    ):
        assert value.dtype == torch.float32
        # z errs by a few ulp of its own size, and θ relatively by as much.
        assert checks.relative_error(value, truth) <= 2e-5 * (1 + spread)


def noise(n: int, dtype: torch.dtype, topics: int = 2) -> torch.Tensor:
    """ε of two topics from log(θ_0 / θ_1) = ε_0 − ε_1 at mean 0 and variance 1, over √2."""
    zero = torch.zeros(n, topics, dtype=dtype)
    theta = ops.logistic_normal_rsample(zero, zero, torch.tensor(11)).double()
    return (theta[:, ::2] / theta[:, 1::2]).log().flatten() / math.sqrt(2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("topics", [2, 50])
def test_noise_is_normal(dtype: torch.dtype, topics: int) -> None:
    x = noise(1 << (18 if topics == 2 else 13), dtype, topics)
    n = x.numel()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(float((x**power).mean()) - moment) < 5 * math.sqrt(variance / n)
    # Kolmogorov and Smirnov's distance; 1.95 / √n is exceeded once in a thousand.
    cdf = torch.special.ndtr(x.sort().values)
    steps = torch.arange(n, dtype=torch.float64)
    distance = torch.maximum((cdf - steps / n).max(), ((steps + 1) / n - cdf).max())
    assert float(distance) < 1.95 / math.sqrt(n)


def test_normals_of_neighbours_are_independent() -> None:
    x = normals(torch.tensor(5), torch.empty(2000, 100, dtype=torch.float64))
    for other in (x.roll(1, 1), x.roll(16, 1), x.roll(32, 1), x.roll(1, 0)):
        assert abs(float((x * other).mean())) < 5 / math.sqrt(x.numel())


def test_contracts() -> None:
    args = inputs(500, 50)
    checks.check_threads(ops.logistic_normal_rsample, inputs(4000, 50))
    checks.check_func_grad(ops.logistic_normal_rsample, args)
    checks.check_compile(ops.logistic_normal_rsample, args)
    torch.library.opcheck(torch.ops.ntm_fast.logistic_normal_rsample.default, tuple(args))
    torch.autograd.gradcheck(
        lambda m, v: ops.logistic_normal_rsample(m, v, args[2]), inputs(3, 5)[:2]
    )


def test_halves_of_one_tensor_give_what_copies_give() -> None:
    both = torch.randn(7, 100)
    mean, log_variance = both.chunk(2, dim=1)
    seed = torch.tensor(1)
    expected = ops.logistic_normal_rsample(mean.contiguous(), log_variance.contiguous(), seed)
    assert torch.equal(ops.logistic_normal_rsample(mean, log_variance, seed), expected)
    across = mean.T.contiguous().T
    assert torch.equal(ops.logistic_normal_rsample(across, log_variance, seed), expected)


def test_nan_stays_in_its_row() -> None:
    mean = torch.zeros(3, 40)
    mean[1, 35] = math.nan
    theta = ops.logistic_normal_rsample(mean, torch.zeros(3, 40), torch.tensor(0))
    assert theta.isnan().all(1).tolist() == [False, True, False]
    assert not theta[::2].isnan().any()


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
from tests.ops import checks
from tests.ops.test_logistic_normal_rsample import BOTH, inputs
for topics in (1, 20, 32, 50, 131):
    checks.check_float64(*BOTH, inputs(9, topics), 1e-12)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_bad_input() -> None:
    mean, seed = torch.zeros(2, 3), torch.tensor(0)
    with pytest.raises(ValueError, match=r"log_variance has shape \[2, 4\], expected that of mean"):
        ops.logistic_normal_rsample(mean, torch.zeros(2, 4), seed)
    with pytest.raises(ValueError, match="log_variance has another dtype than mean"):
        ops.logistic_normal_rsample(mean, mean.double(), seed)
    for empty in (torch.tensor(1.0), torch.zeros(2, 0)):
        with pytest.raises(ValueError, match=r"mean has shape .*, expected \[\.\.\., K\], K > 0"):
            ops.logistic_normal_rsample(empty, empty, seed)
    with pytest.raises(ValueError, match="seed has shape"):
        ops.logistic_normal_rsample(mean, mean, torch.tensor(0.0))
