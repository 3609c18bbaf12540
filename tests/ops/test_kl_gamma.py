import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

BOTH = ops.kl_gamma, reference.kl_gamma
NAMES = ["alpha", "rate", "prior_alpha", "prior_rate"]


def inputs(rows: int = 5, topics: int = 7, spread: float = 1.0, shared: int = 2) -> list[Tensor]:
    """The last ``shared`` arguments [K], the others [R, K]."""
    shapes = [(rows, topics)] * (4 - shared) + [(topics,)] * shared
    return [(torch.randn(s, dtype=torch.float64) * spread).exp().requires_grad_() for s in shapes]


@given(
    rows=st.integers(0, 40),
    topics=st.integers(1, 50),
    spread=st.floats(0, 3),
    shared=st.integers(0, 3),
)
def test_equals_reference(rows: int, topics: int, spread: float, shared: int) -> None:
    args = inputs(rows, topics, spread, shared)
    if rows == 0:
        assert ops.kl_gamma(*args).shape == (0,)
        return
    # torch's trigamma errs by 1e-10, and the reference's terms grow as a log a.
    floor = float(sum((x + 1 / x).detach().amax() for x in args)) ** 2
    checks.check_float64(*BOTH, args, 1e-9, floor=floor)
    checks.check_float32(*BOTH, args, floor=floor)


@pytest.mark.parametrize(
    "point", [(2.5, 1.3, 0.7, 2.0), (0.9, 0.4, 3.0, 0.2), (6.0, 2.0, 6.5, 2.1)]
)
def test_equals_the_integral(point: tuple[float, float, float, float]) -> None:
    a, r, b, q = point

    def log_density(x: mpmath.mpf, alpha: float, rate: float) -> mpmath.mpf:
        norm = alpha * mpmath.log(rate) - mpmath.loggamma(alpha)
        return norm + (alpha - 1) * mpmath.log(x) - rate * x

    def integrand(x: mpmath.mpf) -> mpmath.mpf:
        log_p = log_density(x, a, r)
        return mpmath.exp(log_p) * (log_p - log_density(x, b, q))

    with mpmath.workdps(25):
        integral = mpmath.quad(integrand, [0, 0.01, 0.3, 1, 3, 10, 40, mpmath.inf])
    value = ops.kl_gamma(torch.tensor([a], dtype=torch.float64), r, b, q)
    assert abs(float(value) - integral) < 1e-9


def exact(point: list[float]) -> list[mpmath.mpf]:
    """KL and its gradient to each of alpha, rate, prior_alpha, prior_rate."""
    with mpmath.workdps(60):
        a, r, b, q = map(mpmath.mpf, point)
        kl = (a - b) * mpmath.digamma(a) - mpmath.loggamma(a) + mpmath.loggamma(b)
        kl += b * mpmath.log(r / q) + a * (q / r - 1)
        return [
            kl,
            (a - b) * mpmath.psi(1, a) + q / r - 1,
            b / r - a * q / r**2,
            mpmath.digamma(b) - mpmath.digamma(a) + mpmath.log(r / q),
            a / r - b / q,
        ]


@given(
    logs=st.lists(st.floats(-11.5, 13.8), min_size=4, max_size=4),
    near=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_equals_mpmath_from_1e_minus_5_to_1e6(
    logs: list[float], near: bool, dtype: torch.dtype
) -> None:
    if near:  # the posterior next to the prior, where everything cancels
        logs = [logs[0], logs[1], logs[0] + logs[2] * 1e-4, logs[1] + logs[3] * 1e-4]
    point = [torch.tensor([x], dtype=dtype).exp().requires_grad_() for x in logs]
    kl = ops.kl_gamma(*point)
    values = torch.cat([kl.detach()[None], *torch.autograd.grad(kl, point)]).tolist()
    a, r, b, q = (x.item() for x in point)
    w = q / r
    # The size of the terms that a result is made of, times the rounding of each.
    terms = [
        1 + (b + abs(a - b)) * abs(w - 1),
        w + abs(a - b) * (1 / a + 1 / a**2),
        (b + a * w) / r,
        14 + 1 / a + 1 / b,
        a / r + b / q,
    ]
    bound = 1e-12 if dtype == torch.float64 else 1.2e-7
    for value, truth, term in zip(values, exact([a, r, b, q]), terms, strict=True):
        assert abs(value - truth) <= bound * max(abs(truth), 1e-6) + 4e-15 * term


def test_same_distribution() -> None:
    alpha = torch.logspace(-5, 6, 50).requires_grad_()
    rate = torch.logspace(3, -3, 50).requires_grad_()
    kl = ops.kl_gamma(alpha, rate, alpha.detach(), rate.detach())
    assert abs(kl) < 1e-9
    assert not any(g.any() for g in torch.autograd.grad(kl, [alpha, rate]))


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.kl_gamma, inputs())
    torch.autograd.gradcheck(ops.kl_gamma, inputs(shared=0))


def test_contracts() -> None:
    args = inputs(rows=200)
    checks.check_threads(ops.kl_gamma, args)
    checks.check_func_grad(ops.kl_gamma, args)
    checks.check_compile(ops.kl_gamma, args)
    rows = [x if x.dim() == 2 else x[None] for x in args]
    op = torch.ops.ntm_fast.kl_gamma.default
    torch.library.opcheck(op, tuple(x.detach().requires_grad_() for x in rows))
    torch.library.opcheck(op, tuple(x.detach().requires_grad_(i == 1) for i, x in enumerate(rows)))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
torch.manual_seed(0)
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_kl_gamma import inputs
for topics in (1, 16, 50):
    checks.check_float64(ops.kl_gamma, reference.kl_gamma, inputs(40, topics), 1e-9, 1)
    checks.check_float32(ops.kl_gamma, reference.kl_gamma, inputs(40, topics), floor=1)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.cpu
def test_bad_values() -> None:
    args = [x.detach() for x in inputs(3, 4, shared=0)]
    for i, name in enumerate(NAMES):
        for value in (0.0, -1.5, torch.nan):
            bad = [x.clone() for x in args]
            bad[i][1, 2] = bad[i][2, 0] = value
            with pytest.raises(ValueError, match=rf"{name}\[1, 2\] is {value:g}, expected > 0"):
                ops.kl_gamma(*bad)


def test_bad_input() -> None:
    args = [x.detach() for x in inputs(3, 4, shared=0)]
    for i, name in enumerate(NAMES):
        if i > 0:
            mixed = [x.float() if j == i else x for j, x in enumerate(args)]
            with pytest.raises(ValueError, match=f"{name} has another dtype than alpha"):
                ops.kl_gamma(*mixed)
            few = [x[:2] if j == i else x for j, x in enumerate(args)]
            with pytest.raises(ValueError, match=rf"{name} has shape \[2, 4\], expected"):
                torch.ops.ntm_fast.kl_gamma(*few)
    with pytest.raises(ValueError, match="alpha is 0-dimensional"):
        ops.kl_gamma(args[0].sum(), 1.0, 1.0, 1.0)


def test_double_backward_raises() -> None:
    args = inputs()
    value = ops.kl_gamma(*args).square().sum()
    (gradient,) = torch.autograd.grad(value, args[1], create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
