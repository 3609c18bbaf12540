import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from ntm_fast import ops, reference
from tests.ops import checks

SEED = torch.tensor(20_260_101)
EULER = 0.5772156649015329


def inputs(rows: int = 6, topics: int = 5, spread: float = 1.0) -> list[Tensor]:
    shape = (torch.randn(rows, topics, dtype=torch.float64) * spread).exp()
    scale = torch.randn(topics, dtype=torch.float64).exp()
    return [shape.requires_grad_(), scale.requires_grad_(), SEED]


@given(rows=st.integers(0, 30), topics=st.integers(1, 60), spread=st.floats(0.1, 3))
def test_equals_reference(rows: int, topics: int, spread: float) -> None:
    args = inputs(rows, topics, spread)
    checks.check_float64(ops.log_weibull_rsample, reference.log_weibull_rsample, args, 1e-12)
    checks.check_float32(ops.log_weibull_rsample, reference.log_weibull_rsample, args, slack=4e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("k", "scale"), [(0.1, 3.0), (1.0, 0.2), (30.0, 1e-3)])
def test_law(k: float, scale: float, dtype: torch.dtype) -> None:
    n = 40_000
    draws = ops.log_weibull_rsample(torch.full((n,), k, dtype=dtype), scale, SEED).double()
    error = math.pi / (6**0.5 * k) / n**0.5
    assert abs(draws.mean() - (math.log(scale) - EULER / k)) < 4.5 * error
    power = k * (draws - math.log(scale))  # log of an exponential variate, whatever k and λ
    assert stats.kstest(power.exp().numpy(), "expon").pvalue > 1e-4
    assert draws.std() == pytest.approx(math.pi / (6**0.5 * k), rel=0.03)


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.log_weibull_rsample, inputs())


def test_contracts() -> None:
    args = inputs(rows=300)
    checks.check_threads(ops.log_weibull_rsample, args)
    checks.check_func_grad(ops.log_weibull_rsample, args)
    checks.check_compile(ops.log_weibull_rsample, args)
    half = [x.bfloat16() if x.is_floating_point() else x for x in args]
    single = [x.float() if x.is_floating_point() else x for x in half]
    expected = ops.log_weibull_rsample(*single).bfloat16()
    assert torch.equal(ops.log_weibull_rsample(*half), expected)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_bad_input(value: float) -> None:
    shape = torch.ones(3, 4)
    shape[2, 1] = value
    with pytest.raises(ValueError, match=rf"shape\[2, 1\] is {value:g}, expected positive"):
        ops.log_weibull_rsample(shape, 1.0, SEED)
    with pytest.raises(ValueError, match=r"scale\[0, 0\] is"):
        ops.log_weibull_rsample(torch.ones(3, 4), value, SEED)
    with pytest.raises(ValueError, match="scale must be positive"):
        reference.log_weibull_rsample(torch.ones(3, 4), value, SEED)
