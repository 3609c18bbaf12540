import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

ACTIVATIONS = ("none", "softplus", "relu")


def layer(module: Any, activation: str, batch_norm: bool) -> Any:
    """y as a function of tensors alone."""

    def function(
        x: Tensor, weight: Tensor | None, bias: Tensor | None, shift: Tensor | None
    ) -> Any:
        return module.dense_layer(
            x, weight, bias, activation, batch_norm=batch_norm, shift=shift, eps=1e-3
        )

    return function


def inputs(
    documents: int, columns: int, outputs: int | None, bias: bool = True, shift: bool = True
) -> list[Any]:
    """Inputs of a layer; it has no weight if outputs is None."""

    def made(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    wide = columns if outputs is None else outputs
    weight = None if outputs is None else made(outputs, columns)
    return [
        made(documents, columns),
        weight,
        made(wide) if bias else None,
        made(wide) if shift else None,
    ]


@given(
    documents=st.integers(1, 70),
    columns=st.integers(0, 90),
    outputs=st.none() | st.integers(0, 150),
    activation=st.sampled_from(ACTIVATIONS),
    batch_norm=st.booleans(),
    bias=st.booleans(),
    shift=st.booleans(),
)
def test_equals_reference(
    documents: int,
    columns: int,
    outputs: int | None,
    activation: str,
    batch_norm: bool,
    bias: bool,
    shift: bool,
) -> None:
    args = inputs(documents, columns, outputs, bias, shift and batch_norm)
    both = layer(ops, activation, batch_norm), layer(reference, activation, batch_norm)
    # A batch of one document is all rounding once normalised: eps keeps it in bounds.
    checks.check_float64(*both, args, 1e-10, floor=1.0)
    checks.check_float32(*both, args, slack=2e-6, floor=1.0)
    for value, truth in zip(both[0](*args)[1:], both[1](*args)[1:], strict=True):
        torch.testing.assert_close(value, truth)
        assert not value.requires_grad


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradcheck(activation: str, batch_norm: bool) -> None:
    torch.manual_seed(1)
    function = layer(ops, activation, batch_norm)
    for outputs in (None, 4):
        args = inputs(5, 3, outputs, shift=batch_norm)
        torch.autograd.gradcheck(lambda *a, f=function: f(*a)[0], args)


def test_extremes_of_softplus() -> None:
    z = torch.tensor([[-1e4, -200.0, -30, -1e-3, 0, 1e-3, 30, 200, 1e4]], requires_grad=True)
    y = ops.dense_layer(z, None, None, "softplus")[0]
    (grad,) = torch.autograd.grad(y.sum(), z)
    exact = z.detach().double().requires_grad_()
    truth = torch.logaddexp(exact, torch.zeros_like(exact))
    torch.testing.assert_close(y, truth.float(), rtol=5e-7, atol=0)
    torch.testing.assert_close(grad, exact.sigmoid().float(), rtol=5e-7, atol=0)


def test_not_a_number_stays_in_its_document() -> None:
    args = inputs(3, 4, 5)
    with torch.no_grad():
        args[0][1, 2] = torch.nan
    for activation in ACTIVATIONS:
        y = ops.dense_layer(*args[:3], activation)[0]
        assert y.isnan().any(1).tolist() == [False, True, False]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_autocast_multiplies_in_bfloat16(batch_norm: bool, device: str) -> None:
    """Everything except the product is computed in float32."""
    args = [t.detach().float().requires_grad_() for t in inputs(30, 20, 40)]
    results = []
    for cast in (True, False):
        x, weight, bias, shift = args
        if not cast:
            x, weight = F.linear(x.bfloat16(), weight.bfloat16()), None
        how = {"batch_norm": batch_norm, "shift": shift if batch_norm else None}
        with torch.autocast("cuda" if device == "cuda" else "cpu", torch.bfloat16, enabled=cast):
            y = ops.dense_layer(x, weight, bias, "softplus", **how)[0]
        results.append([y, *torch.autograd.grad(y.square().sum(), args[: 3 + batch_norm])])
    assert all(value.dtype == torch.float32 for value in results[0])
    assert all(map(torch.equal, *results))


def test_contracts() -> None:
    for activation, batch_norm in itertools.product(ACTIVATIONS, (False, True)):
        function = layer(ops, activation, batch_norm)
        args = inputs(300, 90, 130, shift=batch_norm)
        checks.check_threads(function, args)
    args = inputs(20, 9, 13)
    checks.check_func_grad(function, args)
    checks.check_compile(function, args)
    op = torch.ops.ntm_fast.dense_layer.default
    for code, norm in ((1, True), (2, False)):
        x, weight, bias, shift = args
        torch.library.opcheck(op, (x, weight, bias, code, norm, shift if norm else None, 1e-3))
        torch.library.opcheck(op, (x, None, None, code, norm, None, 1e-3))


def test_backward_gives_what_is_wanted() -> None:
    x, weight, _, _ = (t.detach() for t in inputs(6, 5, 7))
    for code, norm in itertools.product(range(3), (False, True)):
        y, _, var, normalised = torch.ops.ntm_fast.dense_layer(
            x, weight, None, code, norm, None, 1e-3
        )
        arguments = (torch.randn_like(y), x, weight, y, code, norm, 1e-3, var, normalised)
        both = torch.ops.ntm_fast.dense_layer_backward(*arguments, True, True)
        for wanted in itertools.product((False, True), repeat=2):
            found = torch.ops.ntm_fast.dense_layer_backward(*arguments, *wanted)
            for value, full, want in zip(found, both, (*wanted, True), strict=True):
                assert torch.equal(value, full if want else full[:0])


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_dense_layer import inputs, layer
for activation in ("none", "softplus", "relu"):
    both = layer(ops, activation, True), layer(reference, activation, True)
    checks.check_float64(*both, inputs(50, 33, 70), 1e-11, floor=1.0)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_bad_input() -> None:
    x, weight, bias, shift = (t.detach() for t in inputs(4, 3, 5))
    bad: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((x[0], weight, bias), {}, r"x has shape \[3\], expected \[B, I\]"),
        ((x, weight[:, 1:], bias), {}, r"weight has shape \[5, 2\], expected \[O, 3\]"),
        ((x, weight, bias[1:]), {}, r"bias has shape \[4\], expected \[5\]"),
        ((x, weight, bias.float()), {}, "bias has another dtype than x"),
        ((x, weight, bias, "tanh"), {}, "activation is 'tanh', expected one of none"),
        ((x, weight, bias), {"shift": shift}, "shift is given, but batch_norm is false"),
        ((x[:0], weight, bias), {"batch_norm": True}, "expected at least one document"),
        ((x, weight, bias), {"eps": -1.0}, "eps is -1"),
        ((x.long(), None, None), {}, "x must be float32 or float64"),
    ]
    for args, keywords, message in bad:
        with pytest.raises(ValueError, match=message):
            ops.dense_layer(*args, **keywords)
