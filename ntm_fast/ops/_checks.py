"""Checks of arguments that all ops share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch._subclasses import FakeTensor

from ntm_fast.bags import Bags
from ntm_fast.reference._csr import check_no_gradient as check_no_gradient

# Above log 1 / u of all uniforms u that samplers draw: over an alpha below this over the largest
# finite number it may be infinite.
LARGEST_LOG = 40

F = TypeVar("F", bound=Callable[..., Any])

# The types that an annotation accepts, and their name in errors.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "Tensor": ((Tensor,), "a Tensor"),
    "Bags | Tensor": ((Bags, Tensor), "a Tensor or Bags"),
    "Tensor | None": ((Tensor, type(None)), "a Tensor or None"),
    "Tensor | float": ((Tensor, Real), "a Tensor or a number"),
    "float": ((Real,), "a number"),
    "int": ((Integral,), "an integer"),
    "int | None": ((Integral, type(None)), "an integer or None"),
    "str": ((str,), "a string"),
    "bool": ((bool,), "True or False"),
}


def with_clear_errors(op: F) -> F:
    """The op, with errors that name an argument whose type is not the annotated one.

    Types are checked only after the op has failed, so a call that succeeds costs nothing more.
    """
    signature = inspect.signature(op)
    name = op.__name__
    kinds = {p.name: _KINDS[p.annotation] for p in signature.parameters.values()}

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return op(*args, **kwargs)
        try:
            return op(*args, **kwargs)
        except (AttributeError, TypeError, ValueError, RuntimeError, IndexError, OverflowError):
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:  # arguments are missing or unknown, as the op's own error says
                given = {}
            for argument, value in given.items():
                _check_kind(name, argument, value, *kinds[argument])
            raise

    return cast(F, call)


def _check_kind(op: str, argument: str, value: Any, types: tuple[type, ...], expected: str) -> None:
    if not isinstance(value, types):
        raise TypeError(
            f"{op}: {argument} is of type {type(value).__name__}, expected {expected}"
        ) from None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{op}: {argument} is {value}, expected a number of 64 bits") from None


def check_same_device(op: str, arguments: dict[str, Any]) -> None:
    """ValueError if some tensors are on the meta device and others are not."""
    tensors = {name: value for name, value in arguments.items() if isinstance(value, Tensor)}
    first = next(iter(tensors), "")
    for name, value in tensors.items():
        if value.is_meta != tensors[first].is_meta:
            raise ValueError(
                f"{op}: {name} is on another device than {first},"
                f" {value.device} and {tensors[first].device}"
            )


def check_positive(op: str, least: float = 0.0, **arguments: Tensor) -> None:
    """ValueError naming the first element that is not positive and finite; only on the CPU.

    On CUDA this check would have to wait for the GPU; such elements give NaN there. If ``least`` is
    above 0, smaller elements are refused too.
    """
    for name, value in arguments.items():
        has_values = value.is_cpu and not isinstance(value, FakeTensor)
        if not has_values or torch.compiler.is_compiling():
            continue
        bad = ~((value > 0) & (value >= least) & value.isfinite())
        if bad.any():
            at = bad.nonzero()[0].tolist()
            number = value[tuple(at)].item()
            expected = "positive and finite" + (f", at least {least:.3g}" if least else "")
            raise ValueError(f"{op}: {name}{at} is {number:g}, expected {expected}")


def check_rows(op: str, name: str, value: Tensor) -> None:
    """ValueError unless the tensor has a last dimension that is not empty."""
    if value.dim() == 0 or value.shape[-1] == 0:
        shape = list(value.shape)
        raise ValueError(f"{op}: {name} has shape {shape}, expected [..., K], K > 0")
