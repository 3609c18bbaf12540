import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.dirichlet_law import check_contracts, check_law, concentrations

SEED = torch.tensor(20_260_101)
BOTH = ops.log_dirichlet_rsvi, reference.log_dirichlet_rsvi


@given(
    rows=st.integers(1, 20),
    topics=st.integers(1, 60),
    centre=st.floats(-6, 5),
    boost=st.integers(1, 12),
)
def test_equals_reference(rows: int, topics: int, centre: float, boost: int) -> None:
    args = [concentrations(rows, topics, centre, torch.float64), SEED, boost]
    checks.check_float64(*BOTH, args, 1e-11)
    checks.check_float32(*BOTH, args, slack=2e-5)


@pytest.mark.parametrize("boost", [1, 3, 10])
@pytest.mark.parametrize("a", [1e-3, 0.05, 1.0, 30.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_law(a: float, boost: int, dtype: torch.dtype) -> None:
    check_law(lambda alpha, seed: BOTH[0](alpha, seed, boost), a, dtype, SEED)


def test_bias_falls_with_boost() -> None:
    """Against ∂E[log θ_0]/∂α = ψ'(α_0) δ − ψ'(Σα), relative; .03, .003 and .0006 of it."""
    base = torch.tensor([0.5, 1.0, 2.0, 0.7], dtype=torch.float64)
    exact = -torch.polygamma(1, base.sum()).repeat(4)
    exact[0] += torch.polygamma(1, base[0])
    biases = []
    for boost in (1, 4, 16):
        alpha = base.expand(200_000, 4).clone().requires_grad_()
        value = BOTH[0](alpha, SEED, boost)[:, 0].sum()
        (slope,) = torch.autograd.grad(value, alpha)
        biases.append(float((slope.mean(0) - exact).norm() / exact.norm()))
    assert biases[0] > 3 * biases[1]
    assert biases[2] < 0.01


def test_contracts() -> None:
    check_contracts(BOTH[0], "log_dirichlet_rsvi", SEED)
    for function in BOTH:
        with pytest.raises(ValueError, match="boost is 0, expected >= 1"):
            function(torch.ones(3, 4), SEED, 0)
    with pytest.raises(ValueError, match="positive and finite"):
        BOTH[1](torch.zeros(3, 4), SEED)
