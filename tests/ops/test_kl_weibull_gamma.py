import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

BOTH = ops.kl_weibull_gamma, reference.kl_weibull_gamma


def inputs(rows: int = 5, topics: int = 7, spread: float = 1.0) -> list[Tensor]:
    """Shape and scale [R, K], the prior's parameters [K]."""
    shapes = [(rows, topics)] * 2 + [(topics,)] * 2
    values = [(torch.randn(s, dtype=torch.float64) * spread).exp() for s in shapes]
    values[0] = values[0].clamp_min(0.1)
    return [v.requires_grad_() for v in values]


def inputs_of_rows(rows: int, topics: int) -> list[Tensor]:
    """All four arguments [R, K]."""
    shape, scale, *_ = inputs(rows, topics)
    alpha, rate, *_ = inputs(rows, topics)
    return [shape, scale, alpha, rate]


@given(rows=st.integers(1, 40), topics=st.integers(1, 50), spread=st.floats(0, 1.5))
def test_equals_reference(rows: int, topics: int, spread: float) -> None:
    args = inputs(rows, topics, spread)
    checks.check_float64(*BOTH, args, 1e-12, floor=1)
    checks.check_float32(*BOTH, args, floor=1)


@pytest.mark.parametrize("point", [(2.5, 1.3, 0.7, 2.0), (0.6, 0.4, 3.0, 0.2), (6, 2, 6.5, 2.1)])
def test_equals_the_integral(point: tuple[float, float, float, float]) -> None:
    k, scale, a, b = map(mpmath.mpf, point)

    def integrand(x: mpmath.mpf) -> mpmath.mpf:
        y = x / scale
        log_q = mpmath.log(k / scale) + (k - 1) * mpmath.log(y) - y**k
        log_p = a * mpmath.log(b) - mpmath.loggamma(a) + (a - 1) * mpmath.log(x) - b * x
        return mpmath.exp(log_q) * (log_q - log_p)

    with mpmath.workdps(25):
        integral = mpmath.quad(integrand, [0, 1e-6, 0.01, 0.3, 1, 3, 10, 40, mpmath.inf])
    value = ops.kl_weibull_gamma(torch.tensor([point[0]], dtype=torch.float64), *point[1:])
    assert abs(float(value) - integral) < 1e-9


def test_an_exponential_is_both() -> None:
    scale = torch.logspace(-3, 3, 7)
    kl = ops.kl_weibull_gamma(torch.ones(7, 1), scale[:, None], 1.0, 1 / scale[:, None])
    assert kl.abs().max() < 1e-6


def test_small_shapes_have_a_large_mean() -> None:
    shape = torch.full((1, 1), 0.1).requires_grad_()
    kl = ops.kl_weibull_gamma(shape, 1.0, 1.0, 1.0)
    assert kl.item() == pytest.approx(3628800, rel=1e-5)  # Γ(11)
    kl.sum().backward()
    assert shape.grad.isfinite().all()


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.kl_weibull_gamma, inputs())


def test_contracts() -> None:
    args = inputs(rows=200)
    checks.check_threads(ops.kl_weibull_gamma, args)
    checks.check_func_grad(ops.kl_weibull_gamma, args)
    checks.check_compile(ops.kl_weibull_gamma, args)
    rows = [x.detach() if x.dim() == 2 else x.detach()[None] for x in args]
    op = torch.ops.ntm_fast.kl_weibull_gamma.default
    torch.library.opcheck(op, tuple(x.clone().requires_grad_() for x in rows))
    torch.library.opcheck(op, tuple(x.clone().requires_grad_(i == 1) for i, x in enumerate(rows)))


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_arguments_that_all_rows_share(shared: int) -> None:
    args = [x.detach()[0] if i >= 4 - shared else x for i, x in enumerate(inputs_of_rows(5, 20))]
    wanted = [x.clone().requires_grad_() for x in args]
    checks.check_float64(*BOTH, wanted, 1e-12, floor=1)


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
torch.manual_seed(0)
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_kl_weibull_gamma import inputs
both = ops.kl_weibull_gamma, reference.kl_weibull_gamma
for topics in (1, 16, 50):
    checks.check_float64(*both, inputs(40, topics), 1e-12, 1)
    checks.check_float32(*both, inputs(40, topics), floor=1)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.cpu
def test_bad_values() -> None:
    names = ["shape", "scale", "prior_alpha", "prior_rate"]
    for i, name in enumerate(names):
        for value in (0.0, -1.0, torch.nan):
            args = [torch.ones(3, 4) for _ in names]
            args[i][1, 2] = value
            with pytest.raises(ValueError, match=rf"{name}\[1, 2\] is {value:g}, expected > 0"):
                ops.kl_weibull_gamma(*args)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="shape is 0-dimensional"):
        ops.kl_weibull_gamma(torch.tensor(1.0), 1.0, 1.0, 1.0)
    for i, name in ((1, "scale"), (2, "prior_alpha"), (3, "prior_rate")):
        args = [torch.ones(3, 4) for _ in range(4)]
        mixed = [x.double() if j == i else x for j, x in enumerate(args)]
        with pytest.raises(ValueError, match=f"{name} has another dtype than shape"):
            ops.kl_weibull_gamma(*mixed)
        few = [x[:2] if j == i else x for j, x in enumerate(args)]
        with pytest.raises(ValueError, match=rf"{name} has shape \[2, 4\], expected"):
            torch.ops.ntm_fast.kl_weibull_gamma(*few)


def test_double_backward_raises() -> None:
    args = inputs()
    value = ops.kl_weibull_gamma(*args).square().sum()
    (gradient,) = torch.autograd.grad(value, args[1], create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
