"""Bags of words as one value, and how the functions that take them read their arguments."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])


class Bags(NamedTuple):
    """B bags of words in CSR form, the documents of a batch: what every op on counts takes.

    Document d has the nonzeros `indptr[d]` to `indptr[d + 1] - 1`, each a word of `indices` and how
    often it occurs in `counts`. Words may be unsorted and repeated.
    """

    indptr: Tensor
    """int32 or int64 [B+1], from 0 to N"""
    indices: Tensor
    """int32 or int64 [N]"""
    counts: Tensor
    """[N], of any real dtype"""
    order: Tensor | None = None
    """int64 [N], ``indices.argsort(stable=True)``, where it is known: see `ordered`"""

    @property
    def n_documents(self) -> int:
        """Number of documents B."""
        return self.indptr.numel() - 1

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Bags:
        """The bags on `device`."""
        indptr, indices, counts = (p.to(device, non_blocking=non_blocking) for p in self[:3])
        order = None if self.order is None else self.order.to(device, non_blocking=non_blocking)
        return Bags(indptr, indices, counts, order)

    def ordered(self) -> Bags:
        """The bags with their `order`, so that ops that sum by word need not sort each by itself.

        No GPU is waited for.
        """
        if self.order is not None:
            return self
        # The extension's radix sort gives the same as torch's, in a tenth of the time.
        sort = getattr(torch.ops.ntm_fast, "word_order", None) if self.indices.is_cpu else None
        order = self.indices.argsort(stable=True) if sort is None else sort(self.indices)
        return self._replace(order=order)


def tensors_of(
    op: str,
    indptr: Bags | Tensor,
    indices: Tensor | None,
    counts: Tensor | None,
    order: Tensor | None = None,
    matrix: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """indptr, indices, counts and order of `Bags`, of a sparse CSR tensor, or as they are given.

    A sparse tensor has as many columns as `matrix`, of the words, has rows.
    """
    if isinstance(indptr, Tensor):
        if indptr.layout != torch.sparse_csr:
            missing = "indices" if indices is None else "counts"
            if indices is None or counts is None:
                expected = "expected three tensors, Bags, or a sparse CSR tensor"
                raise TypeError(f"{op}: {missing} is missing; {expected}")
            return indptr, indices, counts, order
        if matrix is not None and matrix.dim() == 2 and indptr.shape[-1] != matrix.shape[0]:
            raise ValueError(
                f"{op}: indptr is a sparse tensor of shape {list(indptr.shape)}; expected"
                f" [B, {matrix.shape[0]}]"
            )
        indptr = Bags(indptr.crow_indices(), indptr.col_indices(), indptr.values())
    if not isinstance(indptr, Bags):
        name = type(indptr).__name__
        raise TypeError(f"{op}: indptr is of type {name}, expected a Tensor or Bags")
    if indices is not None or counts is not None:
        given = "indices" if indices is not None else "counts"
        raise TypeError(f"{op}: {given} is given beside Bags, which hold it")
    return *indptr[:3], indptr.order if order is None else order


def accepts_old_order(old: tuple[str, ...], is_old: Callable[..., bool]) -> Callable[[F], F]:
    """Make an op accept the positional arguments of ntm_fast 0.1, with a DeprecationWarning.

    `old` has the parameters in their former order. A call is in that order if `is_old` says so of
    its positional arguments, or if it has positional arguments while what is the first parameter
    now is given by keyword, as in ``bow_rows(indptr, indices, counts, rows=rows)``.
    """

    def decorate(op: F) -> F:
        new = tuple(inspect.signature(op).parameters)
        first = new[0]

        @functools.wraps(op)
        def call(*args: Any, **kwargs: Any) -> Any:
            if args and (first in kwargs or is_old(*args)):
                named = dict(zip(old, args, strict=False))
                if len(args) <= len(old) and not named.keys() & kwargs.keys():
                    if not torch.compiler.is_compiling():
                        _warn(op.__name__, new)
                    return op(**named, **kwargs)
            return op(*args, **kwargs)

        return cast(F, call)

    return decorate


def _warn(op: str, new: tuple[str, ...]) -> None:
    others = ", ".join(name for name in new[: new.index("indptr")])
    warnings.warn(
        f"{op}: indptr, indices, counts now come after {others}, as in the other ops: call"
        f" {op}({others}, indptr, indices, counts), or {op}({others}, bags) with a Bags of them",
        DeprecationWarning,
        stacklevel=3,
    )


def is_vector_of_integers(value: Any) -> bool:
    """Whether it is a 1-D tensor of int32 or int64."""
    return (
        isinstance(value, Tensor) and value.dim() == 1 and value.dtype in (torch.int32, torch.int64)
    )


def rows_come_last(
    first: Any, second: Any = None, third: Any = None, fourth: Any = None, *_: Any
) -> bool:
    """Whether these are (indptr, indices, counts, rows) and not (rows, indptr, …).

    Counts that are not integers tell; else the sizes; else which of the first two rises from 0 to
    the number of nonzeros. Where all of that fits both, it is the present order.
    """
    if not isinstance(fourth, Tensor) or fourth.is_floating_point():
        return False  # there are Bags, or the last are the counts
    if not all(isinstance(x, Tensor) for x in (first, second, third)):
        return False
    if not is_vector_of_integers(fourth):
        return False
    if not is_vector_of_integers(third):
        return True
    old_sizes, new_sizes = second.shape == third.shape, third.shape == fourth.shape
    if old_sizes != new_sizes:
        return bool(old_sizes)
    return _is_indptr(first, second) and not _is_indptr(second, third)


def _is_indptr(indptr: Tensor, indices: Tensor) -> bool:
    """Whether the first delimits the documents of the second."""
    if not is_vector_of_integers(indptr) or indptr.numel() < 1:
        return False
    rises = bool((indptr.diff() >= 0).all())
    return rises and int(indptr[0]) == 0 and int(indptr[-1]) == indices.numel()
