import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

BOTH = ops.kl_dirichlet, reference.kl_dirichlet


def inputs(
    rows: int = 5, topics: int = 7, spread: float = 1.0, shared: bool = True
) -> list[Tensor]:
    shapes = [(rows, topics), (topics,) if shared else (rows, topics)]
    return [(torch.randn(s, dtype=torch.float64) * spread).exp().requires_grad_() for s in shapes]


@given(
    rows=st.integers(0, 70), topics=st.integers(1, 70), spread=st.floats(0, 4), shared=st.booleans()
)
def test_equals_reference(rows: int, topics: int, spread: float, shared: bool) -> None:
    args = inputs(rows, topics, spread, shared)
    # The reference loses digits: its terms grow as a log a, and torch's trigamma errs by 1e-10.
    scale = float(sum((x * x.log().abs() + 1 / x).detach().sum() for x in args)) + 1
    checks.check_float64(*BOTH, args, 1e-9, floor=scale)
    checks.check_float32(*BOTH, args, floor=scale)


def exact(alpha: Tensor, prior: Tensor) -> list[mpmath.mpf]:
    """KL and its gradients to alpha and prior, for one row each."""
    with mpmath.workdps(60):
        a, b = ([mpmath.mpf(v) for v in x.tolist()] for x in (alpha, prior))
        a0, b0 = mpmath.fsum(a), mpmath.fsum(b)
        kl = mpmath.loggamma(a0) - mpmath.loggamma(b0)
        for p, q in zip(a, b, strict=True):
            kl += mpmath.loggamma(q) - mpmath.loggamma(p)
            kl += (p - q) * (mpmath.digamma(p) - mpmath.digamma(a0))
        common = mpmath.psi(1, a0) * (a0 - b0)
        pairs = list(zip(a, b, strict=True))
        to_alpha = [(p - q) * mpmath.psi(1, p) - common for p, q in pairs]
        both = mpmath.digamma(a0) - mpmath.digamma(b0)
        to_prior = [mpmath.digamma(q) - mpmath.digamma(p) + both for p, q in pairs]
        return [kl, *to_alpha, *to_prior]


@given(
    log_alpha=st.lists(st.floats(-11.5, 13.8), min_size=2, max_size=6),
    log_prior=st.floats(-11.5, 13.8),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_equals_mpmath_from_1e_minus_5_to_1e6(
    log_alpha: list[float], log_prior: float, dtype: torch.dtype
) -> None:
    alpha = torch.tensor(log_alpha, dtype=dtype).exp().requires_grad_()
    prior = torch.full_like(alpha, log_prior).exp().detach().requires_grad_()
    kl = ops.kl_dirichlet(alpha, prior)
    values = torch.cat([kl.detach()[None], *torch.autograd.grad(kl, [alpha, prior])])
    bound = 1e-12 if dtype == torch.float64 else 1.2e-7
    a, b = alpha.detach().double(), prior.detach().double()
    cancelled = float((a + b + b / a).sum()) * 1e-15  # terms of this size make up the divergence
    for value, truth in zip(values.tolist(), exact(alpha, prior), strict=True):
        assert abs(value - truth) <= bound * max(abs(truth), 1e-3) + cancelled


def test_same_distribution() -> None:
    for alpha in (torch.logspace(-5, 6, 50), torch.full((50,), 0.02), torch.full((1,), 3.0)):
        alpha.requires_grad_()
        kl = ops.kl_dirichlet(alpha, alpha.detach())
        assert abs(kl) < 1e-9
        assert not torch.autograd.grad(kl, alpha)[0].any()


def test_broadcasting() -> None:
    alpha, prior = inputs(6, 4)
    cube = alpha.reshape(2, 3, 4)
    assert torch.equal(ops.kl_dirichlet(cube, prior), ops.kl_dirichlet(alpha, prior).reshape(2, 3))
    assert torch.equal(
        ops.kl_dirichlet(alpha, 0.3), ops.kl_dirichlet(alpha, torch.full_like(alpha, 0.3))
    )
    pairs = [
        (alpha[0], prior),
        (alpha[0], alpha),
        (alpha[:2, None, :], cube),
        (alpha[:, :1], prior),
    ]
    for first, second in pairs:
        checks.check_float64(
            *BOTH,
            [first.detach().requires_grad_(), second.detach().requires_grad_()],
            1e-9,
        )


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.kl_dirichlet, inputs())
    torch.autograd.gradcheck(ops.kl_dirichlet, inputs(shared=False))


def test_contracts() -> None:
    args = inputs(rows=300)
    checks.check_threads(ops.kl_dirichlet, args)
    checks.check_func_grad(ops.kl_dirichlet, args)
    checks.check_compile(ops.kl_dirichlet, args)
    for prior in (args[1][None], args[1].expand(300, 7)):
        op = torch.ops.ntm_fast.kl_dirichlet.default
        torch.library.opcheck(op, (args[0], prior.detach().requires_grad_()))
        torch.library.opcheck(op, (args[0], prior.detach()))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_kl_dirichlet import inputs
for topics in (1, 5, 16, 50):
    checks.check_float64(ops.kl_dirichlet, reference.kl_dirichlet, inputs(40, topics), 1e-9, 1)
    checks.check_float32(ops.kl_dirichlet, reference.kl_dirichlet, inputs(40, topics), floor=1)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_half_types_are_computed_in_float32() -> None:
    alpha, prior = (x.detach().bfloat16() for x in inputs())
    assert torch.equal(
        ops.kl_dirichlet(alpha, prior), ops.kl_dirichlet(alpha.float(), prior.float())
    )


@pytest.mark.cpu
def test_bad_values() -> None:
    alpha, prior = (x.detach() for x in inputs(3, 4))
    for value in (0.0, -1.5, torch.nan):
        bad = alpha.clone()
        bad[1, 2] = bad[2, 0] = value
        with pytest.raises(ValueError, match=rf"alpha\[1, 2\] is {value:g}, expected > 0"):
            ops.kl_dirichlet(bad, prior)
        with pytest.raises(ValueError, match=rf"prior\[1, 2\] is {value:g}, expected > 0"):
            ops.kl_dirichlet(alpha, bad)
    with pytest.raises(ValueError, match=r"prior\[0, 0\] is 0, expected > 0"):
        ops.kl_dirichlet(alpha, 0.0)


def test_bad_input() -> None:
    alpha, prior = (x.detach() for x in inputs(3, 4))
    with pytest.raises(ValueError, match="prior has another dtype"):
        ops.kl_dirichlet(alpha, prior.float())
    with pytest.raises(ValueError, match="alpha must be float32 or float64"):
        ops.kl_dirichlet(alpha.long(), prior.long())
    with pytest.raises(ValueError, match="alpha is 0-dimensional"):
        ops.kl_dirichlet(alpha.sum(), 1.0)
    with pytest.raises(
        ValueError, match=r"prior has shape \[2, 4\], expected \[1, 4\] or \[3, 4\]"
    ):
        torch.ops.ntm_fast.kl_dirichlet(alpha, alpha[:2])
    with pytest.raises(RuntimeError, match="broadcast"):
        ops.kl_dirichlet(alpha, prior[:3])


def test_double_backward_raises() -> None:
    args = inputs()
    value = ops.kl_dirichlet(*args).square().sum()
    (gradient,) = torch.autograd.grad(value, args[0], create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
