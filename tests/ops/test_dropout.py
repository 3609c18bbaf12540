import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

SEEDS = st.integers(-(2**63), 2**63 - 1).map(torch.tensor)
TYPES = st.sampled_from([torch.float32, torch.float64])


def elements(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@given(
    shape=st.lists(st.integers(0, 40), max_size=3),
    p=st.floats(0, 1, exclude_max=True),
    seed=SEEDS,
    stream=st.integers(0, 2**32 - 1),
    dtype=TYPES,
)
def test_equals_reference(
    shape: list[int], p: float, seed: torch.Tensor, stream: int, dtype: torch.dtype
) -> None:
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    for value, truth in zip(
        checks.gradients(ops.dropout, [x, p, seed, stream]),
        checks.gradients(reference.dropout, [x, p, seed, stream]),
        strict=True,
    ):
        assert torch.equal(value, truth)
    assert ops.dropout(x.bfloat16(), p, seed).dtype == torch.bfloat16


def test_masks_are_independent_bernoulli() -> None:
    n, p = 1 << 20, 0.3
    ones = torch.ones(n)
    masks = torch.stack(
        [ops.dropout(ones, p, torch.tensor(s), t) for s, t in ((0, 0), (0, 1), (1, 0))]
    ).bool()
    sd = math.sqrt(p * (1 - p) / n)
    assert (masks.double().mean(1) - (1 - p)).abs().max() < 5 * sd
    centred = masks.double() - (1 - p)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(float((centred[a] * centred[b]).mean())) < 5 * p * (1 - p) / math.sqrt(n)
    for lag in (1, 4, 16, 64):  # neighbours in any sense of the layout
        covariance = (centred[:, lag:] * centred[:, :-lag]).mean(1)
        assert covariance.abs().max() < 5 * p * (1 - p) / math.sqrt(n)


def test_contracts() -> None:
    arguments = [elements(300, 50), 0.4, torch.tensor(7), 2]
    checks.check_threads(ops.dropout, [elements(3000, 100), *arguments[1:]])
    checks.check_func_grad(ops.dropout, arguments)
    checks.check_compile(ops.dropout, arguments)
    torch.library.opcheck(torch.ops.ntm_fast.dropout.default, tuple(arguments))
    torch.autograd.gradcheck(lambda x: ops.dropout(x, *arguments[1:]), elements(5, 7))
    torch.autograd.gradgradcheck(lambda x: ops.dropout(x, *arguments[1:]), elements(5, 7))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
for dtype in (torch.float32, torch.float64):
    x, seed = torch.randn(17, 43, dtype=dtype), torch.tensor(-5)
    assert torch.equal(ops.dropout(x, 0.6, seed, 3), reference.dropout(x, 0.6, seed, 3))
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_bad_input() -> None:
    x, seed = torch.ones(3), torch.tensor(0)
    for p in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"dropout: p is .*, expected 0 <= p < 1"):
            ops.dropout(x, p, seed)
    with pytest.raises(ValueError, match="stream is -1, expected 0 <= stream"):
        ops.dropout(x, 0.5, seed, -1)
    with pytest.raises(ValueError, match=r"seed has shape \[1\]"):
        ops.dropout(x, 0.5, seed[None])
    with pytest.raises(ValueError, match="x must be float32 or float64"):
        ops.dropout(x.long(), 0.5, seed)
