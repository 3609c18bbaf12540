import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast import ops, reference
from ntm_fast.ops import Bags
from tests.ops.csr_checks import check_bags, random_batch
from tests.ops.strategies import CsrBatch, csr_batches

INTEGERS = st.sampled_from([torch.int32, torch.int64])


@given(batch=csr_batches(), data=st.data(), dtype=INTEGERS)
def test_equals_reference(batch: CsrBatch, data: st.DataObject, dtype: torch.dtype) -> None:
    documents = len(batch.indptr) - 1
    rows = torch.tensor(data.draw(st.lists(st.integers(0, documents - 1))), dtype=dtype)
    found = ops.bow_rows(rows, *batch[:3])
    expected = reference.bow_rows(rows, *batch[:3])
    for value, truth in zip(found, expected, strict=True):
        assert value.dtype == truth.dtype
        assert torch.equal(value, truth)


@given(batch=csr_batches(), data=st.data())
def test_a_known_size(batch: CsrBatch, data: st.DataObject) -> None:
    documents = len(batch.indptr) - 1
    rows = torch.tensor(data.draw(st.lists(st.integers(0, documents - 1), min_size=1)))
    ends, words, counts = ops.bow_rows(rows, *batch[:3])
    size = len(words)
    exact = ops.bow_rows(rows, *batch[:3], size)
    assert all(map(torch.equal, exact, (ends, words, counts)))
    if not len(batch.indices):
        return
    padding = data.draw(st.integers(1, 70))
    padded = ops.bow_rows(rows, *batch[:3], nonzeros=size + padding)
    assert all(map(torch.equal, padded, reference.bow_rows(rows, *batch[:3], size + padding)))
    assert torch.equal(padded[0][:-1], ends[:-1])
    assert padded[0][-1] == size + padding
    assert torch.equal(padded[1][:size], words)
    assert torch.equal(padded[2][:size], counts)
    assert not padded[1][size:].any()
    assert not padded[2][size:].any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float64, torch.complex128])
def test_any_dtype_and_many_rows(dtype: torch.dtype) -> None:
    batch = random_batch(30, 3, 50)
    counts, rows = batch.counts.to(dtype), torch.randint(30, (2500,))
    for index in (torch.int32, torch.int64):
        arguments = rows.to(index), batch.indptr.to(index), batch.indices.to(index), counts, 8000
        assert all(map(torch.equal, ops.bow_rows(*arguments), reference.bow_rows(*arguments)))


def test_rows_may_repeat_and_be_empty() -> None:
    indptr, indices = torch.tensor([0, 2, 2, 3]), torch.tensor([5, 1, 7])
    counts = torch.tensor([1.0, 2, 3])
    ends, words, values = ops.bow_rows(torch.tensor([2, 1, 0, 2]), indptr, indices, counts)
    assert ends.tolist() == [0, 1, 1, 3, 4]
    assert words.tolist() == [7, 5, 1, 7]
    assert values.tolist() == [3, 1, 2, 3]


def test_contracts() -> None:
    batch = random_batch(2000, 80, 300)
    rows = torch.randperm(2000)
    expected = reference.bow_rows(rows, *batch[:3])
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert all(map(torch.equal, ops.bow_rows(rows, *batch[:3]), expected))
    finally:
        torch.set_num_threads(before)
    for size in ((), (len(batch[1]) + 5,)):
        torch.library.opcheck(torch.ops.ntm_fast.bow_rows.default, (rows, *batch[:3], *size))
    compiled = torch.compile(ops.bow_rows, fullgraph=True, backend="aot_eager", dynamic=True)
    assert all(
        map(torch.equal, compiled(rows[:50], *batch[:3]), ops.bow_rows(rows[:50], *batch[:3]))
    )


@pytest.mark.parametrize("backend", [ops, reference])
def test_bags_are_one_argument(backend: Any) -> None:
    rows, csr = torch.tensor([4, 0, 4]), random_batch(6, 7, 50)[:3]
    check_bags(lambda *bags, **given: backend.bow_rows(rows, *bags, **given), csr)


@pytest.mark.parametrize("counts", [torch.ones(9), torch.ones(9, dtype=torch.int64)])
@pytest.mark.parametrize("backend", [ops, reference])
def test_the_former_order_of_arguments(backend: Any, counts: torch.Tensor) -> None:
    csr, rows = (torch.tensor([0, 4, 4, 9]), torch.randint(9, (9,)), counts), torch.tensor([2, 0])
    expected = backend.bow_rows(rows, *csr)
    for call in (
        lambda: backend.bow_rows(*csr, rows),
        lambda: backend.bow_rows(*csr, rows, 9),
        lambda: backend.bow_rows(*csr, rows=rows),
    ):
        with pytest.warns(
            DeprecationWarning, match=r"call bow_rows\(rows, indptr, indices, counts"
        ):
            assert all(map(torch.equal, call(), expected))


def test_where_nothing_tells_it_is_the_present_order() -> None:
    four = [torch.zeros(9, dtype=torch.int64)] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        indptr, indices, _ = ops.bow_rows(*four)
    assert indptr.tolist() == [0] * 10  # of nine documents that are empty
    assert not indices.numel()


BAD = [
    ("rows", torch.tensor([0, 3]), r"rows\[1\] is 3, expected 0 <= row < 3"),
    ("rows", torch.tensor([-1]), r"rows\[0\] is -1"),
    ("rows", torch.tensor([[0]]), r"rows has shape \[1, 1\], expected \[B\]"),
    ("rows", torch.tensor([0.0]), "rows must be int32 or int64"),
    ("indptr", torch.tensor([], dtype=torch.int64), "indptr is empty"),
    ("indptr", torch.tensor([0, 2, 9, 3]), r"indptr\[1\] and indptr\[2\] are 2 and 9, expected"),
    ("indptr", torch.tensor([0, 2, 1, 3]), r"indptr\[1\] and indptr\[2\] are 2 and 1, expected"),
    ("indptr", torch.tensor([0.0, 2, 2, 3]), "indptr must be int32 or int64"),
    ("counts", torch.tensor([1.0]), "counts has 1 elements, expected 3"),
]


@pytest.mark.cpu
@pytest.mark.parametrize("op", [ops.bow_rows, reference.bow_rows])
def test_a_size_too_small(op: Callable[..., object]) -> None:
    indptr, indices = torch.tensor([0, 2, 2, 3]), torch.tensor([5, 1, 7])
    with pytest.raises(ValueError, match="nonzeros is 2, expected at least 3"):
        op(torch.tensor([2, 0]), indptr, indices, torch.ones(3), 2)


def arguments_with(name: str, value: Any, row: int = 1) -> dict[str, Any]:
    arguments = {
        "indptr": torch.tensor([0, 2, 2, 3]),
        "indices": torch.tensor([5, 1, 7]),
        "counts": torch.ones(3),
        "rows": torch.tensor([row]),
    }
    return {**arguments, name: value}


@pytest.mark.cpu  # elsewhere values are not read before the kernels run
@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_bad_input(name: str, value: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.bow_rows(**arguments_with(name, value))


NOTED = [
    ("rows", torch.tensor([0, 3]), r"rows\[1\] is 3, expected 0 <= row < D", [0, 2, 4], 2),
    ("rows", torch.tensor([-1]), r"rows\[0\] is -1, expected", [0, 4], 0),
    ("indptr", torch.tensor([-3, 2, 2, 3]), r"indptr\[0\] is -3, expected", [0, 4], 0),
    ("indptr", torch.tensor([0, 2**40, 2, 3]), r"indptr\[1\] is at least", [0, 4], 0),
    ("nonzeros", 1, "nonzeros is 1, expected at least as many", [0, 1], 1),
]


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "value", "message", "ends", "kept"), NOTED)
def test_noted(name: str, value: Any, message: str, ends: list[int], kept: int) -> None:
    arguments = {"nonzeros": 4, **arguments_with(name, value, row=0)}
    indptr, indices, counts = ops.bow_rows(**arguments)
    if counts.is_cuda:
        torch.cuda.synchronize()
    with pytest.raises(ValueError, match=message):
        ops.bow_rows(**arguments_with("nonzeros", 4))
    assert indptr.tolist() == ends
    assert indices.tolist() == [5, 1, 7][:kept] + [0] * (ends[-1] - kept)
    assert counts.tolist() == [1] * kept + [0] * (ends[-1] - kept)
    if name != "nonzeros":
        with pytest.raises(ValueError, match=message):  # here the op has to wait
            ops.bow_rows(**arguments_with(name, value, row=0))


@pytest.mark.parametrize("backend", [ops, reference])
def test_the_order_of_the_arguments_is_told_apart(backend: Any) -> None:
    """Whatever the sizes: N = D + 1, integer counts, as many rows as nonzeros."""
    indptr, indices = torch.tensor([0, 2, 3]), torch.tensor([0, 3, 1])
    for counts in (torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1, 2, 1])):
        for rows in (torch.tensor([1]), torch.tensor([1, 0]), torch.tensor([1, 0, 1])):
            expected = backend.bow_rows(rows, Bags(indptr, indices, counts))
            found = backend.bow_rows(rows, indptr, indices, counts)
            with pytest.warns(DeprecationWarning, match="now come after"):
                old = backend.bow_rows(indptr, indices, counts, rows)
            for one, two, three in zip(expected, found, old, strict=True):
                assert one.equal(two)
                assert one.equal(three)
