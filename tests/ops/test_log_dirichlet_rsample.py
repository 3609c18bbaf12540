import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

SEED = torch.tensor(20_260_101)
DTYPES = [torch.float32, torch.float64]
ROUNDING = {torch.float32: 2e-6, torch.float64: 2e-14}  # relative to 1 + |log theta|


def difference(value: Tensor, truth: Tensor) -> float:
    distance = (value.double() - truth.double()).abs() / (1 + truth.double().abs())
    return float(distance.detach().max()) if distance.numel() else 0.0


def concentrations(shape: tuple[int, ...], dtype: torch.dtype, centre: float = -1.0) -> Tensor:
    alpha = (torch.randn(shape, dtype=torch.float64) * 1.5 + centre).exp()
    return alpha.to(dtype).requires_grad_()


def gradient_by_hand(alpha: Tensor, grad: Tensor) -> Tensor:
    """∂α_j = L(α_j, l_j) (G_j − θ_j Σ G) in float64, from the op's own draws."""
    log_gamma = ops.log_gamma_rsample(alpha, SEED).double()
    grad = grad.double()
    projected = grad - log_gamma.softmax(-1) * grad.sum(-1, keepdim=True)
    return projected * reference.gamma_implicit_gradient(alpha.double(), log_gamma)


@given(
    rows=st.integers(0, 40),
    topics=st.integers(1, 150),
    dtype=st.sampled_from(DTYPES),
    centre=st.floats(-10, 8),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_equals_reference(
    rows: int, topics: int, dtype: torch.dtype, centre: float, seed: int
) -> None:
    alpha, key = concentrations((rows, topics), dtype, centre), torch.tensor(seed)
    log_theta = ops.log_dirichlet_rsample(alpha, key)
    assert log_theta.dtype == dtype
    assert difference(log_theta, reference.log_dirichlet_rsample(alpha, key)) < ROUNDING[dtype]
    if dtype == torch.float64:
        args = [alpha, key]
        checks.check_float64(
            ops.log_dirichlet_rsample, reference.log_dirichlet_rsample, args, 1e-12
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("centre", [-8.0, -3.0, 0.0, 6.0])
def test_gradient(centre: float, dtype: torch.dtype) -> None:
    alpha = concentrations((200, 37), dtype, centre)
    grad = torch.randn(200, 37, dtype=dtype)
    (value,) = torch.autograd.grad(ops.log_dirichlet_rsample(alpha, SEED), alpha, grad)
    expected = gradient_by_hand(alpha.detach(), grad)
    # G − θ Σ G loses digits where its terms cancel: the scale is that of the terms.
    log_gamma = ops.log_gamma_rsample(alpha.detach(), SEED)
    slope = reference.gamma_implicit_gradient(alpha.double(), log_gamma.double())
    scale = slope * (grad.abs() + log_gamma.softmax(-1) * grad.sum(-1, keepdim=True).abs())
    bound = {torch.float32: 4e-6, torch.float64: 5e-14}[dtype]
    assert float(((value - expected) / scale).abs().max()) < bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a", [1e-4, 1e-3, 1e-2, 0.1, 1.0, 30.0])
def test_moments(a: float, dtype: torch.dtype) -> None:
    """E[log θ] = ψ(α) − ψ(Kα), its derivative, and E[θ], within 4.5 standard errors of n rows."""
    n, topics = 20_000, 5
    base = torch.arange(1, topics + 1, dtype=dtype) * a
    alpha = base.expand(n, topics).contiguous().requires_grad_()
    log_theta = ops.log_dirichlet_rsample(alpha, SEED)
    (gradient,) = torch.autograd.grad(log_theta[:, 0].sum(), alpha)
    exact = base.double()

    def standard_errors(samples: Tensor, expected: Tensor) -> float:
        errors = samples.std(0) / n**0.5
        return float(((samples.mean(0) - expected).abs() / errors.clamp_min(1e-300)).max())

    draws = log_theta.detach().double()
    assert standard_errors(draws, exact.digamma() - exact.sum().digamma()) < 4.5
    expected = -torch.polygamma(1, exact.sum()).repeat(topics)
    expected[0] += torch.polygamma(1, exact[0])
    assert standard_errors(gradient.double(), expected) < 4.5
    if a >= 1e-2:
        assert standard_errors(draws.exp(), exact / exact.sum()) < 4.5
    assert (draws.exp().sum(-1) - 1).abs().max() < 20 * torch.finfo(dtype).eps


def test_one_topic_is_certain() -> None:
    for dtype in DTYPES:
        alpha = concentrations((300, 1), dtype, -4)
        log_theta = ops.log_dirichlet_rsample(alpha, SEED)
        (gradient,) = torch.autograd.grad(log_theta, alpha, torch.randn(300, 1, dtype=dtype))
        assert torch.equal(log_theta, torch.zeros(300, 1, dtype=dtype))
        assert torch.equal(gradient, torch.zeros(300, 1, dtype=dtype))


def test_shapes_and_types() -> None:
    alpha = concentrations((4, 6, 10), torch.float64).detach()
    log_theta = ops.log_dirichlet_rsample(alpha, SEED)
    assert torch.equal(
        ops.log_dirichlet_rsample(alpha.reshape(24, 10), SEED), log_theta.flatten(0, 1)
    )
    assert torch.equal(ops.log_dirichlet_rsample(alpha[0, 0], SEED), log_theta[0, 0])
    strided = alpha.transpose(0, 2).contiguous().transpose(0, 2)
    assert torch.equal(ops.log_dirichlet_rsample(strided, SEED), log_theta)
    assert ops.log_dirichlet_rsample(alpha[:0], SEED).shape == (0, 6, 10)
    half = alpha.bfloat16().requires_grad_()
    single = half.detach().float().requires_grad_()
    values = [ops.log_dirichlet_rsample(x, SEED) for x in (half, single)]
    assert torch.equal(values[0], values[1].bfloat16())
    inputs = (half, single)
    slopes = [torch.autograd.grad(v.sum(), x)[0] for v, x in zip(values, inputs, strict=True)]
    assert torch.equal(slopes[0], slopes[1].bfloat16())


@pytest.mark.cpu
def test_bad_alpha() -> None:
    alpha = torch.ones(300, 50)
    alpha[211, 7] = -1
    alpha[299, 0] = torch.nan
    with pytest.raises(ValueError, match=r"alpha\[211, 7\] is -1, expected positive and finite"):
        ops.log_dirichlet_rsample(alpha, SEED)
    with pytest.raises(ValueError, match="positive and finite"):
        reference.log_dirichlet_rsample(alpha, SEED)


def test_bad_input() -> None:
    for shape in ((), (3, 0)):
        with pytest.raises(ValueError, match=r"alpha has shape .* expected \[..., K\]"):
            ops.log_dirichlet_rsample(torch.ones(shape), SEED)
    with pytest.raises(ValueError, match="expected a 0-dimensional int64 tensor"):
        ops.log_dirichlet_rsample(torch.ones(3, 4), SEED.float())
    with pytest.raises(ValueError, match="alpha must be float32 or float64"):
        ops.log_dirichlet_rsample(torch.ones(3, 4).int(), SEED)


def test_not_finite_gradients_travel() -> None:
    alpha = concentrations((3, 4), torch.float32)
    grad = torch.zeros(3, 4)
    grad[0, 1], grad[1, 2] = torch.nan, torch.inf
    (value,) = torch.autograd.grad(ops.log_dirichlet_rsample(alpha, SEED), alpha, grad)
    assert value.isfinite().all(-1).tolist() == [False, False, True]


@pytest.mark.parametrize("topics", [3, 50, 5000])
def test_contracts(topics: int) -> None:
    alpha = concentrations((15_000 // topics, topics), torch.float32)
    checks.check_threads(ops.log_dirichlet_rsample, [alpha, SEED])
    if topics != 50:
        return
    checks.check_func_grad(ops.log_dirichlet_rsample, [alpha, SEED])
    checks.check_compile(ops.log_dirichlet_rsample, [alpha, SEED])
    torch.library.opcheck(torch.ops.ntm_fast.log_dirichlet_rsample.default, (alpha, SEED))
    loss = ops.log_dirichlet_rsample(alpha, SEED).square().sum()
    (gradient,) = torch.autograd.grad(loss, alpha, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
seed = torch.tensor(5)
for dtype in (torch.float32, torch.float64):
    alpha = torch.logspace(-4, 3, 7 * 37 * 41, dtype=dtype).reshape(-1, 41).requires_grad_()
    truth = reference.log_dirichlet_rsample(alpha, seed)
    value = ops.log_dirichlet_rsample(alpha, seed)
    print(((value - truth).abs() / (1 + truth.abs())).max().item())
    slopes = [torch.autograd.grad(v[:, 3].sum(), alpha)[0].double() for v in (value, truth)]
    print(((slopes[0] - slopes[1]).abs().max() / slopes[1].abs().max()).item())
"""
    single, single_slope, double, double_slope = map(float, run_at_level(level, code).split())
    assert max(single, single_slope) < ROUNDING[torch.float32]
    assert max(double, double_slope) < ROUNDING[torch.float64]


TINY = [(torch.float32, x) for x in (1e-30, 1e-37, 1e-38, 1e-39, 1e-45)]
TINY += [(torch.float64, x) for x in (1e-30, 1e-300, 1e-306, 1e-307)]


@pytest.mark.parametrize(("dtype", "size"), TINY)
def test_tiny_alpha_draws_single_topics(dtype: torch.dtype, size: float) -> None:
    """Where no number holds the gammas' logarithms, the draws are those of log(u) / alpha still.

    Who has no share has no gradient.
    """
    sizes = torch.tensor([1, 1, 2], dtype=torch.float64) * size
    alpha = sizes.to(dtype).expand(3000, 3).clone()
    log_theta = ops.log_dirichlet_rsample(alpha.requires_grad_(), SEED)
    theta = log_theta.detach().exp()
    assert log_theta.isfinite().all()
    assert torch.equal(theta, reference.log_dirichlet_rsample(alpha.detach(), SEED).exp())
    assert set(theta.flatten().tolist()) == {0.0, 1.0}
    given_sizes = alpha.detach()[0].double()  # as denormal numbers hold them
    share = float(given_sizes[2] / given_sizes.sum())
    assert theta.mean(0)[2].item() == pytest.approx(share, abs=0.05)
    log_theta.exp().mul(torch.arange(3)).sum().backward()
    assert alpha.grad is not None
    assert not alpha.grad.any()
