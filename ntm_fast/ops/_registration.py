"""How an op of the dispatcher becomes differentiable, once for all ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_same_device

Op = Any  # an OpOverload such as torch.ops.ntm_fast.kl_normal.default


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Whether autograd would record an op on these inputs."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def widen(tensor: Tensor) -> Tensor:
    """bfloat16 and float16 as float32, in which the kernels compute; others as they are."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def register_fake(op: Op, fake: Callable[..., Any]) -> None:
    """Make ``fake`` the op's kernel for tensors without values.

    torch calls it as soon as one tensor is on the meta device. If another one is not, the result
    would be uninitialised memory, so this raises.
    """
    names = [argument.name for argument in op._schema.arguments]
    name = op.name().split("::")[1].split(".")[0].removesuffix("_backward")

    def checked(*args: Any, **kwargs: Any) -> Any:
        check_same_device(name, {**dict(zip(names, args, strict=False)), **kwargs})
        return fake(*args, **kwargs)

    torch.library.register_fake(op.name(), checked)


def differentiable(
    op: Op,
    *,
    fake: Callable[..., Any],
    setup_context: Callable[[Any, tuple[Any, ...], Any], None],
    backward: Callable[..., Any],
) -> Callable[..., Any]:
    """Give ``op`` a fake kernel and a backward, and return the function to call it by.

    The backward is registered three times: with torch.library.register_autograd, which
    torch.compile and opcheck need; with an autograd.Function that has a setup_context, which
    torch.func needs; and with one that has none, which is the fastest and serves all other calls.
    """
    register_fake(op, fake)
    torch.library.register_autograd(op.name(), backward, setup_context=setup_context)

    dispatch = op._op  # the same as calling the overload, with less overhead

    def below_autograd(*args: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            return dispatch(*args)

    def forward(ctx: Any, *args: Any) -> Any:
        output = below_autograd(*args)
        setup_context(ctx, args, output)
        return output

    def function(**methods: Callable[..., Any]) -> Any:
        name = op.name().split("::")[1]
        static = {key: staticmethod(method) for key, method in methods.items()}
        return type(name, (torch.autograd.Function,), static)

    composable = function(forward=op, setup_context=setup_context, backward=backward)
    eager = function(forward=forward, backward=backward)
    apply_eager = super(torch.autograd.Function, eager).apply  # without functorch's preparations

    def call(*args: Any) -> Any:
        if torch.compiler.is_compiling():
            return op(*args)
        if torch._C._are_functorch_transforms_active():
            return composable.apply(*args)
        if torch.is_grad_enabled():
            for x in args:
                if isinstance(x, Tensor) and x.requires_grad:
                    return apply_eager(*args)
        return below_autograd(*args)

    return call


def once_differentiable(op: Op, *, fake: Callable[..., Any]) -> Callable[..., Any]:
    """Give the backward ``op`` a fake kernel; differentiating its result raises a clear error."""
    name = op.name().split("::")[1]

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(f"{name} has no gradient of its own: double backward is not supported")

    return differentiable(op, fake=fake, setup_context=setup_context, backward=backward)
