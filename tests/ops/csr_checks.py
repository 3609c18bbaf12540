"""Checks for ops that take a CSR batch."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast.bags import Bags
from tests.ops.strategies import CsrBatch


def random_batch(
    documents: int, length: int, n_words: int, dtype: torch.dtype = torch.float64
) -> CsrBatch:
    """``documents`` bags of ``length`` nonzeros each, unsorted and with repetitions."""
    indptr = torch.arange(documents + 1) * length
    indices = torch.randint(0, n_words, (documents * length,), dtype=torch.int32)
    return CsrBatch(indptr, indices, torch.rand(documents * length, dtype=dtype) + 0.5, n_words)


# indptr, indices, counts of a batch over 6 words, and what the error has to say.
BAD_BATCHES: list[tuple[list[Any], list[Any], list[Any], str]] = [
    ([0, 2, 3], [0, 6, 1], [1.0, 1, 1], r"indices\[1\] is 6, expected 0 <= index < 6"),
    ([0, 2, 3], [0, 5, -1], [1.0, 1, 1], r"indices\[2\] is -1, expected 0 <= index < 6"),
    ([0, 2, 3], [2**32 + 1, 5, 0], [1.0, 1, 1], r"indices\[0\] is 4294967297"),
    ([1, 2, 3], [0, 5, 1], [1.0, 1, 1], r"indptr\[0\] is 1, expected 0"),
    ([0, 4, 3], [0, 5, 1], [1.0, 1, 1], r"indptr\[2\] is 3, expected at least indptr\[1\], 4"),
    ([0, -5, 3], [0, 5, 1], [1.0, 1, 1], r"indptr\[1\] is -5"),
    ([0, 2, 2], [0, 5, 1], [1.0, 1, 1], r"indptr\[2\] is 2, expected the number of indices, 3"),
    ([0, 2, 9], [0, 5, 1], [1.0, 1, 1], r"indptr\[2\] is 9, expected the number of indices, 3"),
    ([[0, 2, 3]], [0, 5, 1], [1.0, 1, 1], r"indptr has shape \[1, 3\]"),
    ([0.0, 2, 3], [0, 5, 1], [1.0, 1, 1], "indptr must be int32 or int64, got float32"),
    ([0, 2, 3], [0.0, 5, 1], [1.0, 1, 1], "indices must be int32 or int64"),
    ([0, 2, 3], [[0], [5], [1]], [1.0, 1, 1], r"indices has shape \[3, 1\], expected 1-D"),
    ([0, 2, 3], [0, 5, 1], [1.0, 1], "counts has 2 elements, expected 3"),
    ([0, 2, 3], [0, 5, 1], [[1.0], [1], [1]], r"counts has shape \[3, 1\]"),
    ([0, 2, 3], [0, 5, 1], [1j, 1, 1], "counts must be of a real dtype, got ComplexFloat"),
    ([0, 2, 3], [0, 5, 1], [1.0, float("nan"), 1], r"counts\[1\] is nan, expected a finite"),
    ([0, 2, 3], [0, 5, 1], [1.0, 1, float("inf")], r"counts\[2\] is inf, expected a finite"),
    ([0, 2, 3], [0, 5, 1], [-2.0, 1, 1], r"counts\[0\] is -2, expected a finite number >= 0"),
]


def check_bad_batches(op: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Each bad batch is refused by ``op(indptr, indices, counts)`` (2 documents, 6 words)."""
    for *arrays, message in BAD_BATCHES:
        indptr, indices, counts = map(torch.tensor, arrays)
        with pytest.raises(ValueError, match=message):
            op(indptr, indices, counts)
        if not (indices.is_floating_point() or 2**32 + 1 in indices):
            with pytest.raises(ValueError, match=message):
                op(indptr, indices.int(), counts)
            if not indptr.is_floating_point():
                with pytest.raises(ValueError, match=message):
                    op(indptr.int(), indices, counts)


# Batches over 6 words with bad values, the message expected on a GPU, and the counts without the
# values that it has to skip.
NOTED_BATCHES: list[tuple[list[Any], list[Any], list[Any], str, list[Any]]] = [
    ([0, 2, 3], [0, 6, 1], [1.0, 1, 1], r"indices\[1\] is 6, expected 0 <= index < V", [1, 0, 1]),
    ([0, 2, 3], [0, 5, -1], [1.0, 1, 1], r"indices\[2\] is -1, expected", [1, 1, 0]),
    ([0, 2, 3], [2**32 + 1, 5, 0], [1.0, 1, 1], r"indices\[0\] is at least", [0, 1, 1]),
    ([0, 2, 3], [0, 5, 1], [1.0, float("nan"), 1], r"counts\[1\], expected a finite", [1, 0, 1]),
    ([0, 2, 3], [0, 5, 1], [-2.0, 1, 1], r"counts\[0\], expected a finite number >= 0", [0, 1, 1]),
    ([0, 2, 9], [0, 5, 1], [1.0, 1, 1], r"indptr\[2\] is 9, expected non-decreasing", [1, 1, 0]),
    ([0, -5, 3], [0, 5, 1], [1.0, 1, 1], r"indptr\[1\] is -5, expected non-decreasing", [0, 0, 0]),
]


def check_noted_batches(op: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """On a GPU a bad value is left out, and the next call raises."""
    for indptr, indices, counts, message, kept in NOTED_BATCHES:
        kept_indices = [i if k else 0 for i, k in zip(indices, kept, strict=True)]
        good = tuple(map(torch.tensor, ([0, 2, 3], kept_indices, [float(k) for k in kept])))
        value = op(torch.tensor(indptr), torch.tensor(indices), torch.tensor(counts))
        if value.is_cuda:
            torch.cuda.synchronize()
        with pytest.raises(ValueError, match=message):
            op(*good)
        assert torch.equal(value, op(*good))


def check_given_order(op: Callable[..., Tensor], batch: CsrBatch, weight: Tensor) -> None:
    """Gradients of ``op(batch, weight, order)`` are the same bits with the order given."""

    def gradient(order: Tensor | None) -> Tensor:
        value = op(batch, weight, order)
        scale = torch.arange(1.0, value.numel() + 1).reshape(value.shape).to(value)
        return torch.autograd.grad((value * scale).sum(), weight)[0]

    order = batch.indices.argsort(stable=True)
    assert torch.equal(gradient(order), gradient(None))
    with pytest.raises(ValueError, match=r"order has shape \[\d+\], expected that of indices"):
        gradient(torch.cat((order, order.new_zeros(1))))
    with pytest.raises(ValueError, match="order must be int64"):
        gradient(order.int())


ORDERED = CsrBatch(torch.tensor([0, 2, 3]), torch.tensor([4, 1, 4]), torch.ones(3), 6)
BAD_ORDERS = [  # of this batch, and what the error has to say
    ([1, 0, 3], r"order\[2\] is 3, expected indices.argsort\(stable=True\)"),
    ([-1, 0, 2], r"order\[[01]\] is (-1|0), expected"),  # both are wrong
    ([0, 1, 2], r"order\[1\] is 1"),
    ([1, 2, 0], r"order\[2\] is 0"),
    ([1, 1, 0], r"order\[1\] is 1"),
]


def check_refused_order(op: Callable[..., Tensor], weight: Tensor) -> None:
    """On the CPU an order that is none is an error, at the latest in the backward."""
    for order, message in BAD_ORDERS:
        with pytest.raises(ValueError, match=message):
            torch.autograd.grad(op(ORDERED, weight, torch.tensor(order)).sum(), weight)


def check_noted_order(op: Callable[..., Tensor], weight: Tensor) -> None:
    """On a GPU an order that is none does no harm, and the next call raises."""
    batch = ORDERED
    for order, message in BAD_ORDERS:
        value = op(batch, weight, torch.tensor(order))
        torch.autograd.grad(value.sum(), weight)
        if value.is_cuda:
            torch.cuda.synchronize()
        with pytest.raises(ValueError, match=message):
            op(batch, weight, None)
        op(batch, weight, None)


def check_dynamic_nonzeros(
    op: Callable[..., Tensor], batches: Sequence[CsrBatch], *parameters: Tensor
) -> None:
    """Compiled for dynamic shapes, batches of other sizes need at most one more compilation."""
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(op, fullgraph=True, backend=counter)
    for batch in batches:
        value, expected = compiled(*parameters, *batch[:3]), op(*parameters, *batch[:3])
        assert torch.equal(value, expected)
        weights = torch.arange(value.numel(), dtype=value.dtype).reshape(value.shape)
        pairs = zip(
            torch.autograd.grad((value * weights).sum(), parameters),
            torch.autograd.grad((expected * weights).sum(), parameters),
            strict=True,
        )
        assert all(torch.equal(a, b) for a, b in pairs)
    assert counter.frame_count <= 2


def check_bags(op: Callable[..., Any], csr: Sequence[Tensor]) -> None:
    """``op(bags)`` is the same for three tensors, Bags, ordered Bags and a sparse CSR tensor."""

    def result(*args: Any, **given: Any) -> tuple[Tensor, ...]:
        value = op(*args, **given)
        return value if isinstance(value, tuple) else (value,)

    expected, bags = result(*csr), Bags(*csr)
    assert torch.equal(bags.ordered().order, csr[1].argsort(stable=True))  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR", category=UserWarning)
        sparse = torch.sparse_csr_tensor(*csr, check_invariants=False)
    for given in (bags, bags.ordered(), sparse):
        for value, truth in zip(result(given), expected, strict=True):
            assert torch.equal(value, truth)
        assert all(map(torch.equal, result(indptr=given), expected))
        with pytest.raises(TypeError, match="counts is given beside Bags"):
            op(given, counts=csr[2])
    for some, missing in ((csr[:2], "counts"), (csr[:1], "indices")):
        with pytest.raises(TypeError, match=f"{missing} is missing; expected three tensors, Ba"):
            op(*some)
    with pytest.raises(TypeError, match="indptr is of type tuple, expected a Tensor or Bags"):
        op(tuple(csr))
