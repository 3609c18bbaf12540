"""Adam against torch.optim.Adam."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.optim import Adam
from tests.helpers.levels import machine_levels, run_at_level
from tests.optim.training import OPTIONS, SHAPES, Shapes, error, gradients, parameters, train


@given(options=OPTIONS, steps=st.integers(1, 30))
def test_equals_torch(options: dict[str, Any], steps: int) -> None:
    truth, _ = train(torch.optim.Adam, torch.float64, steps, foreach=False, **options)
    assert error(train(Adam, torch.float64, steps, **options)[0], truth) <= 1e-13 * steps
    plain, _ = train(torch.optim.Adam, torch.float32, steps, foreach=False, **options)
    ours, _ = train(Adam, torch.float32, steps, **options)
    assert error(ours, truth) <= 2 * error(plain, truth) + 4e-7


LARGE: Shapes = [(700, 1000), (3,), (33, 1001)]


def test_threads_change_no_bit() -> None:
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(train(Adam, torch.float32, 3, LARGE)[0])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast.optim import Adam
from tests.optim.training import error, train
truth, _ = train(torch.optim.Adam, torch.float64, 20, weight_decay=0.01, foreach=False)
assert error(train(Adam, torch.float64, 20, weight_decay=0.01)[0], truth) < 1e-12
assert error(train(Adam, torch.float32, 20, weight_decay=0.01)[0], truth) < 2e-6
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.parametrize(("first", "second"), [(Adam, torch.optim.Adam), (torch.optim.Adam, Adam)])
def test_state_is_that_of_torch(
    first: type[torch.optim.Optimizer], second: type[torch.optim.Optimizer]
) -> None:
    values, optimiser = train(first, torch.float64, 5, lr=0.1)
    straight, _ = train(first, torch.float64, 6, lr=0.1)
    continued = [torch.nn.Parameter(v.clone()) for v in values]
    other = second(continued, lr=0.5)
    other.load_state_dict(optimiser.state_dict())
    for value, gradient in zip(continued, gradients(SHAPES, 5), strict=True):
        value.grad = gradient.double()
    other.step()
    assert error([v.detach() for v in continued], straight) < 1e-14


def test_groups_schedules_and_absent_gradients() -> None:
    results = []
    for kind in (Adam, torch.optim.Adam):
        values = parameters(SHAPES, torch.float64)
        adam = kind([{"params": values[:2], "lr": 0.5}, {"params": values[2:]}], lr=0.01)
        schedule = torch.optim.lr_scheduler.ExponentialLR(adam, 0.7)
        for step in range(6):
            adam.zero_grad()
            for i, gradient in enumerate(gradients(SHAPES, step)):
                if (step + i) % 3:
                    values[i].grad = gradient.double()
            assert adam.step(lambda: 7) == 7  # type: ignore[arg-type, return-value]
            schedule.step()
        results.append([v.detach() for v in values])
    assert error(*results) < 1e-14


def test_a_graph_from_before_the_step_is_refused() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    adam = Adam([weight])
    (weight * weight).sum().backward()
    stale = (weight * weight).sum()
    adam.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        stale.backward()


def test_bad_input() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"parameter of torch.bfloat16 on cpu; expected float32"):
        Adam([torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))])
    with pytest.raises(ValueError, match=r"strides \(1, 4\); expected contiguous"):
        Adam([torch.nn.Parameter(weight.detach().T)])
    bad = {"lr": -1.0, "betas": (0.9, 1.0), "eps": -1.0, "weight_decay": -0.1}
    for option, value in bad.items():
        with pytest.raises(ValueError, match=rf"{option}.* is .*; expected"):
            Adam([weight], **{option: value})
