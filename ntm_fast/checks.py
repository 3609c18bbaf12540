"""Checks of arguments: errors name the argument, its value and what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """value as an int, or an error unless it is a whole number with low <= value <= high."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; expected an int")
    whole = int(value)
    if whole < low or (high is not None and whole > high):
        upper = "" if high is None else f" and <= {high}"
        raise ValueError(f"{name} is {whole}; expected >= {low}{upper}")
    return whole


def number(
    name: str, value: Any, low: float, high: float = math.inf, *, open_ends: str = ""
) -> float:
    """value as a float, or an error unless it is finite and low <= value <= high.

    `open_ends` names the ends, "low" or "high", that are excluded.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; expected a number")
    real = float(value)
    above = real > low if "low" in open_ends else real >= low
    below = real < high if "high" in open_ends else real <= high
    if not (above and below and math.isfinite(real)):
        if high == math.inf:
            expected = f"{'>' if 'low' in open_ends else '>='} {low:g} and finite"
        else:
            left, right = "(" if "low" in open_ends else "[", ")" if "high" in open_ends else "]"
            expected = f"a number in {left}{low:g}, {high:g}{right}"
        raise ValueError(f"{name} is {value}; expected {expected}")
    return real


def choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """value, or an error unless it is one of the choices."""
    known = tuple(choices)
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, known))}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """value, or an error unless it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected True or False")
    return value


def sequence(
    name: str, value: Any, check: Callable[[str, Any], T], expected: str = "tuple"
) -> tuple[T, ...]:
    """value as a tuple of what `check` makes of its elements, or an error unless it is a list.

    `expected` says in the error what it should be; arrays of one dimension are fine.
    """
    if not isinstance(value, (tuple, list)) and getattr(value, "ndim", 0) == 1:
        value = value.tolist()
    if not isinstance(value, (tuple, list)) or not value:
        raise TypeError(f"{name} is {value!r}; expected a {expected}, at least one element")
    return tuple(check(f"{name}[{at}]", element) for at, element in enumerate(value))


def as_array(name: str, value: Any) -> NDArray[Any]:
    """A NumPy view of an array, a nested list or a tensor of any device."""
    import numpy as np  # here, so that the command line's help does not load it

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
