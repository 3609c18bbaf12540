import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks


def inputs(rows: int = 5, topics: int = 7, spread: float = 1.0) -> list[Tensor]:
    shapes = [(rows, topics), (rows, topics), (topics,), (topics,)]
    return [(torch.randn(s, dtype=torch.float64) * spread).requires_grad_() for s in shapes]


@given(rows=st.integers(0, 70), topics=st.integers(1, 70), spread=st.floats(0.25, 8))
def test_equals_reference(rows: int, topics: int, spread: float) -> None:
    args = inputs(rows, topics, spread)
    checks.check_float64(ops.kl_normal, reference.kl_normal, args, 1e-13)
    checks.check_float32(ops.kl_normal, reference.kl_normal, args)


def test_posterior_close_to_prior_keeps_its_digits() -> None:
    step = torch.tensor([[1e-3, -2e-3]], dtype=torch.float32)
    zero = torch.zeros(1, 2)
    truth = reference.kl_normal(zero.double(), step.double(), zero.double(), zero.double())
    assert checks.relative_error(ops.kl_normal(zero, step, zero, zero), truth) < 1e-6


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.kl_normal, inputs())


def test_contracts() -> None:
    args = inputs(rows=300)
    checks.check_threads(ops.kl_normal, args)
    checks.check_func_grad(ops.kl_normal, args)
    checks.check_compile(ops.kl_normal, args)
    same_shape = [x.detach().requires_grad_() for x in torch.broadcast_tensors(*args)]
    torch.library.opcheck(torch.ops.ntm_fast.kl_normal.default, tuple(same_shape))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
grid = torch.linspace(-3, 3, 5 * 33, dtype=torch.float64).reshape(5, 33)
args = [grid * s for s in (1, -.3, .5, .2)]
print((ops.kl_normal(*args) / reference.kl_normal(*args) - 1).abs().max().item())
"""
    assert float(run_at_level(level, code)) < 1e-14


def test_not_finite_travels() -> None:
    args = [x.detach() for x in torch.broadcast_tensors(*inputs(rows=3))]
    args[0] = args[0].clone()
    args[0][0, 0], args[0][1, 2] = torch.nan, torch.inf
    result = ops.kl_normal(*args)
    assert result.isnan().tolist() == [True, False, False]
    assert result.isinf().tolist() == [False, True, False]


def test_half_types_are_computed_in_float32() -> None:
    args = [x.detach().bfloat16() for x in inputs()]
    expected = ops.kl_normal(*(x.float() for x in args))
    assert torch.equal(ops.kl_normal(*args), expected)


def test_bad_input() -> None:
    mean, log_variance, prior_mean, prior_log_variance = inputs()
    with pytest.raises(ValueError, match="log_variance has another dtype"):
        ops.kl_normal(mean, log_variance.float(), prior_mean, prior_log_variance)
    with pytest.raises(ValueError, match=r"prior_mean has shape \[5, 3\]"):
        torch.ops.ntm_fast.kl_normal(mean, log_variance, mean[:, :3], mean)
    with pytest.raises(ValueError, match="0-dimensional"):
        ops.kl_normal(*(x.sum() for x in (mean, log_variance, prior_mean, prior_log_variance)))


def test_double_backward_raises() -> None:
    args = inputs()
    (gradient,) = torch.autograd.grad(
        ops.kl_normal(*args).square().sum(), args[0], create_graph=True
    )
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
