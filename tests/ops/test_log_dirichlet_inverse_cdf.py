import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.dirichlet_law import check_contracts, check_law, concentrations, standard_errors

SEED = torch.tensor(20_260_101)
BOTH = ops.log_dirichlet_inverse_cdf, reference.log_dirichlet_inverse_cdf


@given(rows=st.integers(1, 30), topics=st.integers(1, 60), centre=st.floats(-6, 5))
def test_equals_reference(rows: int, topics: int, centre: float) -> None:
    args = [concentrations(rows, topics, centre, torch.float64), SEED]
    checks.check_float64(*BOTH, args, 1e-10)
    checks.check_float32(*BOTH, args, slack=4e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_exact_for_small_alpha(dtype: torch.dtype) -> None:
    check_law(BOTH[0], 1e-3, dtype, SEED)


@pytest.mark.parametrize(("alpha", "mean"), [(0.001, 0.56), (1.0, 0.50), (10.0, 0.41)])
def test_how_much_it_errs(alpha: float, mean: float) -> None:
    """E[g] / α of the gammas, Γ(α + 1)^(1/α) α / (α + 1) / α; θ hides what is common to all."""
    a = torch.full((100_000,), alpha, dtype=torch.float64)
    log_u = -ops.log_gamma_rsample(torch.ones_like(a), SEED).exp()
    ratio = ((log_u + (a + 1).lgamma()) / a).exp() / a
    expected = (a[0].add(1).lgamma() / a[0]).exp() / (a[0] + 1)
    assert standard_errors(ratio[:, None], expected) < 4.5
    assert float(expected) == pytest.approx(mean, abs=0.005)


def test_gradcheck() -> None:
    alpha = concentrations(5, 7, 0.0, torch.float64)
    torch.autograd.gradcheck(lambda a: BOTH[0](a, SEED), alpha)


def test_contracts() -> None:
    check_contracts(BOTH[0], "log_dirichlet_inverse_cdf", SEED)
    with pytest.raises(ValueError, match="positive and finite"):
        BOTH[1](torch.zeros(3, 4), SEED)
