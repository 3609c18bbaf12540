"""Rows whose steps wait end up where plain Adam puts them."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast.optim import CAPACITY, Adam
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops.checks import relative_error
from tests.optim.training import OPTIONS

N_ROWS = 7


def sparse(rows: list[int], step: int, features: int, dtype: torch.dtype) -> Tensor:
    """Gradient of some rows, of very different sizes and partly 0."""
    generator = torch.Generator().manual_seed(step)
    values = torch.randn(len(rows), features, generator=generator).to(dtype)
    values = values * 10.0 ** (4 * values.sin() - 4) * (values < 1)
    index = torch.tensor([rows], dtype=torch.int64).reshape(1, -1)
    return torch.sparse_coo_tensor(index, values, (N_ROWS, features), check_invariants=True)


def run(
    batches: list[list[int]], features: int, dtype: torch.dtype, waits: bool, **options: Any
) -> list[Tensor]:
    """Parameter and moments after a step with each batch, read as training would read them."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(N_ROWS, features, generator=generator, dtype=torch.float64) * 0.1
    parameter = torch.nn.Parameter(values.to(dtype))
    adam, seen = Adam([parameter], **options), []
    for step, rows in enumerate(batches):
        adam.catch_up(parameter, torch.tensor(rows + rows[:1], dtype=torch.int32))
        seen.append(parameter.detach()[rows])
        gradient = sparse(rows, step, features, dtype)
        parameter.grad = gradient if waits else gradient.to_dense()
        for group in adam.param_groups:
            group["lr"] *= 0.99
        adam.step()
    state = adam.state_dict()["state"][0]
    return [*seen, parameter.detach(), state["exp_avg"], state["exp_avg_sq"]]


def check_same(batches: list[list[int]], features: int, **options: Any) -> None:
    """Waiting changes no bit in float64, and in float32 errs no more than plain Adam does."""
    truth = run(batches, features, torch.float64, waits=False, **options)
    later = run(batches, features, torch.float64, waits=True, **options)
    assert all(torch.equal(a, b) for a, b in zip(truth, later, strict=True))
    plain = run(batches, features, torch.float32, waits=False, **options)
    later = run(batches, features, torch.float32, waits=True, **options)
    for value, other, exact in zip(later, plain, truth, strict=True):
        error = relative_error(value, exact)
        assert error <= 2 * relative_error(other, exact) + 4e-7


def test_a_gradient_that_is_not_coalesced() -> None:
    rows, values = torch.tensor([[4, 1, 4]]), torch.tensor([[1.0], [2.0], [3.0]])
    gradient = torch.sparse_coo_tensor(rows, values, (N_ROWS, 1), check_invariants=True)
    moved = []
    for grad in (gradient, gradient.to_dense()):
        parameter = torch.nn.Parameter(torch.zeros(N_ROWS, 1))
        adam = Adam([parameter])
        parameter.grad = grad
        adam.step()
        adam.flush()
        moved.append(parameter.detach())
    torch.testing.assert_close(*moved)


ROWS = st.lists(st.integers(0, N_ROWS - 2), max_size=3, unique=True)


@given(
    batches=st.lists(ROWS, min_size=1, max_size=60),
    features=st.sampled_from([1, 5, 16, 33, 150]),
    options=OPTIONS,
)
def test_equals_plain_adam(
    batches: list[list[int]], features: int, options: dict[str, Any]
) -> None:
    check_same(batches, features, **options)


LONG = [[0, 1, 2, 3]] + [[0]] * 700 + [[0, 1]] + [[0]] * (CAPACITY - 600) + [[2]]


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.99, 0.999), (0.5, 0.9)])
def test_long_waits(betas: tuple[float, float]) -> None:
    """Beyond the steps that still change a parameter, and beyond the schedule's capacity."""
    check_same(LONG, 3, betas=betas)


@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
from tests.optim.test_deferred_adam import LONG, check_same
check_same(LONG[:300], 37)
check_same(LONG[:30], 300, weight_decay=0.1)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_lazy_rows_stay() -> None:
    batches = [[0, 1], [1], [0], [2, 4]]
    results = []
    for kind in (Adam, torch.optim.SparseAdam):
        parameter = torch.nn.Parameter(torch.ones(N_ROWS, 5, dtype=torch.float64))
        options: dict[str, Any] = {"eps": 1e-20}  # it stands elsewhere in torch's formula
        adam = (
            Adam([parameter], lazy=True, **options)
            if kind is Adam
            else kind([parameter], **options)
        )
        for step, rows in enumerate(batches):
            parameter.grad = sparse(rows, step, 5, torch.float64)
            adam.step()
        results.append(parameter.detach())
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_rates_may_change_and_gradients_become_dense() -> None:
    results = []
    for waits in (False, True):
        parameter = torch.nn.Parameter(torch.ones(N_ROWS, 5, dtype=torch.float64))
        adam = Adam([parameter])
        for step in range(12):
            gradient = sparse([step % 3], step, 5, torch.float64)
            parameter.grad = gradient if waits and step % 5 else gradient.to_dense()
            adam.param_groups[0]["betas"] = (0.9 - 0.1 * (step // 4), 0.999)
            adam.step()
            if step == 7:
                adam = copy.deepcopy(adam)
                (parameter,) = adam.param_groups[0]["params"]
        adam.flush()
        results.append(parameter.detach())
    assert torch.equal(*results)


def test_bad_rows() -> None:
    parameter = torch.nn.Parameter(torch.ones(N_ROWS, 5))
    adam = Adam([parameter])
    parameter.grad = sparse([1], 0, 5, torch.float32)
    adam.step()
    with pytest.raises(ValueError, match=r"rows\[1\] is 7, expected 0 <= row < 7"):
        adam.catch_up(parameter, torch.tensor([0, 7]))
    with pytest.raises(ValueError, match=r"rows has shape .* expected a 1-D int32 or int64"):
        adam.catch_up(parameter, torch.tensor([0.0]))
