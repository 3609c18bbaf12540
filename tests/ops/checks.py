"""Checks that every op has to pass; a test of an op is its inputs and these."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Any]


def first(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def gradients(function: Function, inputs: Sequence[Any]) -> list[Tensor | None]:
    """Output and gradients of Σ w·output for fixed weights w, to every floating input."""
    leaves = [
        x.detach().clone().requires_grad_() if isinstance(x, Tensor) and x.requires_grad else x
        for x in inputs
    ]
    output = first(function(*leaves))
    weights = torch.cos(torch.arange(output.numel(), dtype=torch.float64)).reshape(output.shape)
    wanted = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
    grads = torch.autograd.grad((output * weights.to(output)).sum(), wanted)
    return [output.detach(), *grads]


def to_dtype(inputs: Sequence[Any], dtype: torch.dtype) -> list[Any]:
    def convert(x: Any) -> Any:
        if isinstance(x, Tensor) and x.is_floating_point():
            return x.detach().to(dtype).requires_grad_(x.requires_grad)
        return x

    return [convert(x) for x in inputs]


def relative_error(value: Tensor, truth: Tensor, floor: float = 1e-300) -> float:
    """‖value − truth‖∞ / max(‖truth‖∞, floor) in float64; 0 for empty tensors."""
    if truth.numel() == 0:
        return 0.0
    difference = (value.double() - truth.double()).abs().max()
    scale = truth.double().abs().max().clamp_min(floor)
    return float(difference / scale) if difference else 0.0


def check_float64(
    op: Function,
    reference: Function,
    inputs: Sequence[Any],
    bound: float,
    floor: float = 1e-300,
) -> None:
    """Value and gradients equal the reference's in float64, relative to at least ``floor``."""
    exact = to_dtype(inputs, torch.float64)
    for value, truth in zip(gradients(op, exact), gradients(reference, exact), strict=True):
        assert value.shape == truth.shape
        assert relative_error(value, truth, floor) <= bound


def check_float32(
    op: Function,
    reference: Function,
    inputs: Sequence[Any],
    slack: float = 4e-7,
    floor: float = 1e-300,
) -> None:
    """In float32 the op errs no more than plain PyTorch does, plus ``slack``.

    The factor 2 is for luck: at a single point either may round the lucky way.
    """
    single = to_dtype(inputs, torch.float32)
    double = to_dtype(single, torch.float64)
    truths = gradients(reference, double)
    plain, fast = gradients(reference, single), gradients(op, single)
    for value, other, truth in zip(fast, plain, truths, strict=True):
        assert value.dtype == torch.float32
        error = relative_error(value, truth, floor)
        assert error <= 2 * relative_error(other, truth, floor) + slack


def check_compile(op: Function, inputs: Sequence[Any], backend: str = "aot_eager") -> None:
    """torch.compile(fullgraph=True) gives the same value and gradients."""
    torch._dynamo.reset()
    compiled = torch.compile(lambda *args: op(*args), fullgraph=True, backend=backend)
    for value, truth in zip(gradients(compiled, inputs), gradients(op, inputs), strict=True):
        assert relative_error(value, truth) <= 1e-6


def check_func_grad(op: Function, inputs: Sequence[Any]) -> None:
    """torch.func.grad agrees with autograd for each differentiable input."""
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        others = [y.detach() if isinstance(y, Tensor) else y for y in inputs]

        def loss(z: Tensor, i: int = i, others: list[Any] = others) -> Tensor:
            return first(op(*others[:i], z, *others[i + 1 :])).sum()

        leaf = x.detach().clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(leaf), leaf)
        assert torch.equal(torch.func.grad(loss)(x.detach()), expected)


def check_threads(op: Function, inputs: Sequence[Any]) -> None:
    """One thread and two give the same bits."""
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(gradients(op, inputs))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)
