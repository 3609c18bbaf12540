import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
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


def test_slope_by_hand() -> None:
    """dl/dα of a single gamma, from the draw: K = 2 with the other's gradient left out."""
    alpha = concentrations(300, 2, 0.0, torch.float64)
    _, slope = torch.ops.ntm_fast.log_dirichlet_rsvi(alpha.detach(), SEED, 1)
    d = alpha.detach() + 2 / 3
    root = ((ops.log_gamma_rsample(alpha.detach() + 1, SEED) - d.log()) / 3).exp()
    from_proposal = (1 - 1.5 * (1 - 1 / root)) / d
    assert (slope > from_proposal).all()  # the uniform's share is −log(u) / α² > 0
    shares = (slope - from_proposal) * alpha.detach() ** 2
    assert shares.mean().item() == pytest.approx(1, abs=0.15)  # E[−log u]
    assert shares.std().item() == pytest.approx(1, abs=0.2)


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


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
seed = torch.tensor(5)
for dtype in (torch.float32, torch.float64):
    alpha = torch.logspace(-4, 3, 7 * 17 * 41, dtype=dtype).reshape(-1, 41).requires_grad_()
    truth = reference.log_dirichlet_rsvi(alpha, seed, 6)
    value = ops.log_dirichlet_rsvi(alpha, seed, 6)
    print(((value - truth).abs() / (1 + truth.abs())).max().item())
    slopes = [torch.autograd.grad(v[:, 3].sum(), alpha)[0].double() for v in (value, truth)]
    print(((slopes[0] - slopes[1]).abs().max() / slopes[1].abs().max()).item())
"""
    single, single_slope, double, double_slope = map(float, run_at_level(level, code).split())
    assert max(single, single_slope) < 4e-6
    assert max(double, double_slope) < 4e-14


def test_dispatcher() -> None:
    alpha = concentrations(9, 5, 0.0, torch.float32)
    torch.library.opcheck(torch.ops.ntm_fast.log_dirichlet_rsvi.default, (alpha, SEED, 3))
    loss = BOTH[0](alpha, SEED).square().sum()
    (gradient,) = torch.autograd.grad(loss, alpha, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()


def test_contracts() -> None:
    check_contracts(BOTH[0], "log_dirichlet_rsvi", SEED)
    for function in BOTH:
        with pytest.raises(ValueError, match="boost is 0, expected >= 1"):
            function(torch.ones(3, 4), SEED, 0)
    with pytest.raises(ValueError, match="positive and finite"):
        BOTH[1](torch.zeros(3, 4), SEED)


TINY = [(torch.float32, x) for x in (1e-30, 1e-37, 1e-38, 1e-39, 1e-45)]
TINY += [(torch.float64, x) for x in (1e-30, 1e-300, 1e-306, 1e-307)]


@pytest.mark.parametrize(("dtype", "size"), TINY)
def test_tiny_alpha_draws_single_topics(dtype: torch.dtype, size: float) -> None:
    """Where no number holds the gammas' logarithms, the draws are those of log(u) / alpha still.

    Who has no share has no gradient.
    """
    sizes = torch.tensor([1, 1, 2], dtype=torch.float64) * size
    alpha = sizes.to(dtype).expand(3000, 3).clone()
    log_theta = ops.log_dirichlet_rsvi(alpha.requires_grad_(), SEED)
    theta = log_theta.detach().exp()
    assert log_theta.isfinite().all()
    assert torch.equal(theta, reference.log_dirichlet_rsvi(alpha.detach(), SEED).exp())
    assert set(theta.flatten().tolist()) == {0.0, 1.0}
    given_sizes = alpha.detach()[0].double()  # as denormal numbers hold them
    share = float(given_sizes[2] / given_sizes.sum())
    assert theta.mean(0)[2].item() == pytest.approx(share, abs=0.05)
    log_theta.exp().mul(torch.arange(3)).sum().backward()
    assert alpha.grad is not None
    assert not alpha.grad.any()
