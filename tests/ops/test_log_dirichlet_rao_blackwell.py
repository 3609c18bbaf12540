import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.dirichlet_law import check_contracts, concentrations, standard_errors

SEED = torch.tensor(20_260_101)
BOTH = ops.log_dirichlet_rao_blackwell, reference.log_dirichlet_rao_blackwell


@given(
    rows=st.integers(1, 20),
    topics=st.integers(1, 60),
    centre=st.floats(-5, 5),
    draws=st.integers(1, 5),
)
def test_equals_reference(rows: int, topics: int, centre: float, draws: int) -> None:
    args = [concentrations(rows, topics, centre, torch.float64), SEED, draws]
    checks.check_float64(*BOTH, args, 1e-10)
    checks.check_float32(*BOTH, args, slack=2e-5)


def test_draws_are_those_of_the_implicit_sampler() -> None:
    alpha = concentrations(200, 30, -2.0, torch.float64)
    truth = ops.log_dirichlet_rsample(alpha, SEED).detach()
    torch.testing.assert_close(BOTH[0](alpha, SEED).detach(), truth)
    with torch.no_grad():
        torch.testing.assert_close(BOTH[0](alpha, SEED), truth)


def gradient(sampler: object, base: Tensor, weights: Tensor, n: int, **options: int) -> Tensor:
    """∂ log(θ · weights) / ∂α of n draws [n, K]."""
    alpha = base.expand(n, len(base)).clone().requires_grad_()
    log_theta = sampler(alpha, SEED, **options)  # type: ignore[operator]
    (slope,) = torch.autograd.grad((log_theta + weights.log()).logsumexp(1).sum(), alpha)
    return slope


def test_double_backward_is_refused() -> None:
    alpha = torch.tensor([[0.5, 1.0, 2.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(BOTH[0](alpha, SEED)[0, 0], alpha, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        torch.autograd.grad(slope.sum() + alpha.sum(), alpha)  # not the second term's alone


@pytest.mark.parametrize(("a", "least"), [(0.02, 1.25), (0.1, 1.12), (1.0, 1.06)])
def test_same_mean_lower_variance(a: float, least: float) -> None:
    """K = 10: as torch's Beta path, the gammas' path has 1.46, 1.25 and 1.15 times its variance."""
    base, weights = torch.full((10,), a, dtype=torch.float64), torch.linspace(0.01, 1, 10).double()
    path = gradient(ops.log_dirichlet_rsample, base, weights, 40_000)
    ours = gradient(BOTH[0], base, weights, 40_000, draws=8)
    assert standard_errors(ours - path, torch.zeros(10)) < 4.5
    ratio = float(path.var(0).sum() / ours.var(0).sum())
    assert least < ratio < 1.7


def test_mean_gradient_is_exact() -> None:
    base = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)
    alpha = base.expand(40_000, 3).clone().requires_grad_()
    (slope,) = torch.autograd.grad(BOTH[0](alpha, SEED)[:, 0].sum(), alpha)
    exact = -torch.polygamma(1, base.sum()).repeat(3)
    exact[0] += torch.polygamma(1, base[0])
    assert standard_errors(slope, exact) < 4.5


def test_contracts() -> None:
    check_contracts(BOTH[0], "log_dirichlet_rao_blackwell", SEED)
    for function in BOTH:
        with pytest.raises(ValueError, match="draws is 0, expected >= 1"):
            function(torch.ones(3, 4), SEED, 0)
