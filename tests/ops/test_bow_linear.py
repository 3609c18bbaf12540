import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from ntm_fast.ops import Bags
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks
from tests.ops.csr_checks import (
    check_bad_batches,
    check_bags,
    check_dynamic_nonzeros,
    check_given_order,
    check_noted_batches,
    check_noted_order,
    check_refused_order,
    random_batch,
)
from tests.ops.strategies import CsrBatch, csr_batches

BOTH = ops.bow_linear, reference.bow_linear


def inputs(batch: CsrBatch, features: int, grad_counts: bool = False) -> list[Tensor]:
    weight = torch.randn(batch.n_words, features, dtype=torch.float64, requires_grad=True)
    counts = batch.counts.clone().requires_grad_(grad_counts)
    return [weight, batch.indptr, batch.indices, counts]


@given(batch=csr_batches(float_counts=True), features=st.integers(1, 200), grad=st.booleans())
def test_equals_reference(batch: CsrBatch, features: int, grad: bool) -> None:
    args = inputs(batch, features, grad)
    words = float(batch.counts.sum())  # sums may cancel down from this
    checks.check_float64(*BOTH, args, 1e-13, floor=words)
    checks.check_float32(*BOTH, args, floor=words)


@given(batch=csr_batches(), features=st.integers(0, 3))
def test_any_counts(batch: CsrBatch, features: int) -> None:
    args = inputs(batch, features)
    expected = reference.bow_linear(*args)
    assert torch.allclose(ops.bow_linear(*args), expected, rtol=1e-13, atol=1e-13)
    single = ops.bow_linear(args[0].float(), *args[1:])
    assert single.dtype == torch.float32
    assert torch.allclose(single, expected.float(), rtol=1e-4, atol=1e-5)
    assert torch.equal(
        ops.bow_linear(args[0].bfloat16(), *args[1:]),
        ops.bow_linear(args[0].bfloat16().float(), *args[1:]),
    )


def small() -> CsrBatch:
    return CsrBatch(
        torch.tensor([0, 3, 3, 5]),
        torch.tensor([4, 1, 4, 0, 2]),
        torch.tensor([1.0, 2, 0.5, 0, 3]),
        6,
    )


def test_gradcheck() -> None:
    batch = small()._replace(counts=small().counts.double() + 1)
    torch.autograd.gradcheck(ops.bow_linear, inputs(batch, 5, grad_counts=True))


def large() -> CsrBatch:
    return random_batch(100, 40, 3000)


def test_contracts() -> None:
    args = inputs(large(), 33, grad_counts=True)
    checks.check_threads(ops.bow_linear, args)
    checks.check_func_grad(ops.bow_linear, args)
    checks.check_compile(ops.bow_linear, args)
    for batch in (small()._replace(counts=small().counts.double()), large()):
        op = torch.ops.ntm_fast.bow_linear.default
        torch.library.opcheck(op, (*inputs(batch, 5, grad_counts=True), None))
        torch.library.opcheck(op, (*inputs(batch, 5), None))


@pytest.mark.cpu
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_the_order_of_words(dtype: torch.dtype) -> None:
    op = torch.ops.ntm_fast.word_order.default
    for n_words in (1, 2, 300, 2049, 5_000_000):
        indices = torch.randint(n_words, (700,), dtype=dtype)
        assert torch.equal(op(indices), indices.argsort(stable=True))
    torch.library.opcheck(op, (indices,))
    assert op(indices[:0]).shape == (0,)
    op(-indices)  # ops refuse these words: nothing is read out of bounds until then
    with pytest.raises(ValueError, match="indices must be int32 or int64, got float32"):
        op(indices.float())


@pytest.mark.cpu
def test_bags_compile() -> None:
    def loss(weight: Tensor, bags: Bags) -> Tensor:
        return ops.bow_linear(weight, bags.ordered()).square().sum()

    weight, *csr = inputs(large(), 5)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    gradients = [torch.autograd.grad(f(weight, Bags(*csr)), weight)[0] for f in (loss, compiled)]
    assert torch.equal(*gradients)


def test_compile_with_changing_nonzeros() -> None:
    batches = [random_batch(5, length, 300) for length in (40, 7, 130, 55)]
    weight = torch.randn(300, 5, dtype=torch.float64, requires_grad=True)
    check_dynamic_nonzeros(ops.bow_linear, batches, weight)


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_bow_linear import inputs, large
for features in (1, 7, 64, 131):
    args = inputs(large(), features, True)
    checks.check_float64(ops.bow_linear, reference.bow_linear, args, 1e-13)
    checks.check_float32(ops.bow_linear, reference.bow_linear, args)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.parametrize("n_words", [1, 2, 2048, 2049, 5_000_000])
def test_vocabularies_of_any_size(n_words: int) -> None:
    """The nonzeros are sorted by word digit by digit: one, two and three digits."""
    batch = random_batch(7, 50, n_words, torch.float32)
    _, indices, counts, _ = batch
    indices[:3] = n_words - 1
    weight = torch.zeros(n_words, 1, requires_grad=True)
    scale = torch.arange(7.0)[:, None]
    (gradient,) = torch.autograd.grad(ops.bow_linear(weight, *batch[:3]), weight, scale)
    terms = counts * scale[:, 0].repeat_interleave(50)
    expected = torch.zeros(n_words).index_add(0, indices, terms)
    assert torch.allclose(gradient[:, 0], expected)


@pytest.mark.cpu
@given(batch=csr_batches(), features=st.integers(1, 40))
def test_sparse_gradient(batch: CsrBatch, features: int) -> None:
    args = inputs(batch, features)
    scale = torch.randn(batch.indptr.numel() - 1, features, dtype=torch.float64)
    (dense,) = torch.autograd.grad(ops.bow_linear(*args), args[0], scale)
    (sparse,) = torch.autograd.grad(ops.bow_linear(*args, sparse_grad=True), args[0], scale)
    assert sparse.is_coalesced()
    assert sparse.indices()[0].tolist() == batch.indices.unique().tolist()
    assert torch.equal(sparse.to_dense(), dense)
    (expected,) = torch.autograd.grad(reference.bow_linear(*args, sparse_grad=True), args[0], scale)
    assert expected.is_sparse
    assert torch.allclose(sparse.to_dense(), expected.to_dense(), rtol=1e-12, atol=1e-12)


@pytest.mark.cpu
def test_sparse_gradient_is_dense_where_it_must_be() -> None:
    def sparse(*args: Tensor) -> Tensor:
        return ops.bow_linear(*args, sparse_grad=True)

    args = inputs(large(), 9, grad_counts=True)
    assert torch.autograd.grad(sparse(*args).sum(), args[0])[0].layout == torch.strided
    batch, weight = [x.detach() for x in args[1:]], args[0].detach()
    expected = torch.func.grad(lambda w: ops.bow_linear(w, *batch).sum())(weight)
    assert torch.equal(torch.func.grad(lambda w: sparse(w, *batch).sum())(weight), expected)
    leaf = weight.requires_grad_()
    compiled = torch.compile(sparse, fullgraph=True, backend="aot_eager")
    (gradient,) = torch.autograd.grad(compiled(leaf, *batch).sum(), leaf)
    assert torch.equal(gradient, expected)


@pytest.mark.cpu
def test_bad_batches() -> None:
    weight = torch.randn(6, 4)
    check_bad_batches(lambda *batch: ops.bow_linear(weight, *batch))


@pytest.mark.gpu
def test_noted_batches() -> None:
    weight = torch.randn(6, 4)
    check_noted_batches(lambda *batch: ops.bow_linear(weight, *batch))


def linear(batch: CsrBatch, weight: Tensor, order: Tensor | None) -> Tensor:
    return ops.bow_linear(weight, *batch[:3], order=order)


def sparse_linear(batch: CsrBatch, weight: Tensor, order: Tensor | None) -> Tensor:
    return ops.bow_linear(weight, *batch[:3], sparse_grad=True, order=order)


@given(batch=csr_batches())
def test_given_order(batch: CsrBatch) -> None:
    check_given_order(linear, batch, torch.randn(batch.n_words, 3, requires_grad=True))


@pytest.mark.cpu
def test_refused_order() -> None:
    check_refused_order(linear, torch.randn(6, 4, requires_grad=True))
    check_refused_order(sparse_linear, torch.randn(6, 4, requires_grad=True))


@pytest.mark.gpu
def test_noted_order() -> None:
    check_noted_order(linear, torch.randn(6, 4, requires_grad=True))


def test_bad_input() -> None:
    weight = torch.randn(6, 4)
    batch = small()[:3]
    with pytest.raises(ValueError, match=r"weight has shape \[6\], expected \[V, H\]"):
        ops.bow_linear(weight[:, 0], *batch)
    with pytest.raises(ValueError, match="weight must be float32 or float64"):
        ops.bow_linear(weight.long(), *batch)
    with pytest.raises(ValueError, match="indptr is empty"):
        ops.bow_linear(weight, batch[0][:0], *batch[1:])


def test_double_backward_raises() -> None:
    args = inputs(small(), 3)
    (gradient,) = torch.autograd.grad(
        ops.bow_linear(*args).square().sum(), args[0], create_graph=True
    )
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("backend", [ops, reference])
def test_bags_are_one_argument(backend: Any) -> None:
    weight, *csr = inputs(large(), 9)
    check_bags(lambda *bags, **given: backend.bow_linear(weight, *bags, **given), csr)


@pytest.mark.parametrize("backend", [ops, reference])
def test_the_former_order_of_arguments(backend: Any) -> None:
    weight, *csr = inputs(large(), 9)
    expected = backend.bow_linear(weight, *csr)
    order = csr[1].argsort(stable=True)
    for call in (
        lambda: backend.bow_linear(*csr, weight),
        lambda: backend.bow_linear(*csr, weight, False, order),
        lambda: backend.bow_linear(*csr, weight=weight, sparse_grad=True),
    ):
        with pytest.warns(DeprecationWarning, match=r"call bow_linear\(weight, indptr, indices, c"):
            assert torch.equal(call(), expected)
    names = dict(zip(("indptr", "indices", "counts"), csr, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(backend.bow_linear(**names, weight=weight), expected)


@pytest.mark.parametrize("backend", [ops, reference])
def test_a_sparse_tensor_has_a_column_for_each_word(backend: Any) -> None:
    counts = torch.eye(2, 5).to_sparse_csr()
    with pytest.raises(ValueError, match=r"shape \[2, 5\]; expected \[B, 4\]"):
        backend.bow_linear(torch.ones(4, 3), counts)
