from typing import Any

import pytest
import torch
import torch._dynamo.utils
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.helpers.memory import peak_growth
from tests.ops import checks
from tests.ops.csr_checks import (
    check_bags,
    check_given_order,
    check_noted_batches,
    check_noted_order,
    check_refused_order,
)
from tests.ops.product import MODES, call, fixed_batch, problem
from tests.ops.strategies import CsrBatch, csr_batches


@given(batch=csr_batches(), topics=st.integers(1, 40), mode=st.sampled_from(MODES))
def test_equals_reference(batch: CsrBatch, topics: int, mode: str) -> None:
    args, how = problem(batch, topics, mode)
    fast, plain = call(ops, **how), call(reference, **how)
    checks.check_float64(fast, plain, args, 1e-12, floor=1.0)
    for value, truth in zip(fast(*args)[1:], plain(*args)[1:], strict=True):
        assert value.shape == truth.shape
        assert checks.relative_error(value, truth, floor=1.0) <= 1e-12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("documents", "words", "topics"), [(200, 700, 50), (33, 1500, 7)])
def test_float32_errs_no_more_than_pytorch(
    mode: str, documents: int, words: int, topics: int
) -> None:
    args, how = problem(fixed_batch(documents, words, 30), topics, mode)
    checks.check_float32(call(ops, **how), call(reference, **how), args, floor=1.0)


def alike(shift: float, dtype: torch.dtype) -> list[Tensor]:
    """Value and gradients where all logits of all documents are ``shift``."""
    args, how = problem(fixed_batch(20, 60), 3, "biased")
    hidden, _, bias = checks.to_dtype(args, dtype)
    weight = torch.zeros(60, 3, dtype=dtype, requires_grad=True)
    bias = torch.full_like(bias, shift).requires_grad_()
    return checks.gradients(call(ops, **how), [hidden, weight, bias])


HUGE = [1e5, 1e12, 1e15, 1e20, 1e30, 3.4e38, -1e12, -1e20, -3.4028234e38]


@pytest.mark.parametrize("shift", HUGE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_are_as_good_as_small_ones(shift: float, dtype: torch.dtype) -> None:
    """A shift of all of a document's logits changes nothing, whatever its size."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        right = alike(0.0, dtype)
        torch.manual_seed(0)
        huge = alike(shift, dtype)
    for value, truth in zip(huge, right, strict=True):
        assert checks.relative_error(value, truth, floor=1.0) <= 1e2 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_products(dtype: torch.dtype) -> None:
    """Equal rows of weight have equal logits, whatever the order of summation rounds them to."""
    batch = fixed_batch(20, 60)
    hidden = 1e12 * torch.rand(20, 70, dtype=dtype) + 1e12
    weight = torch.rand(70, dtype=dtype).expand(60, 70)
    value = ops.bow_product_log_likelihood(hidden, weight, None, *batch[:3])[0]
    words = batch.counts.to(dtype).reshape(20, -1).sum(1)
    assert checks.relative_error(value, -words * torch.tensor(60.0, dtype=dtype).log()) <= 1e-6


@pytest.mark.cpu  # on a GPU they are NaN beyond 2^20
@pytest.mark.parametrize("shift", [1e5, 1e12, 1e20])
@pytest.mark.parametrize("precision", ["medium", "high"])
def test_huge_logits_at_lower_precision(shift: float, precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        test_huge_logits_are_as_good_as_small_ones(shift, torch.float32)
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("mode", MODES)
def test_gradcheck(mode: str) -> None:
    args, how = problem(fixed_batch(words=12), 3, mode)
    torch.autograd.gradcheck(lambda *a: call(ops, **how)(*a)[0], args)


@pytest.mark.parametrize("mode", MODES)
def test_contracts(mode: str) -> None:
    args, how = problem(fixed_batch(70, 300), 20, mode)
    function = call(ops, **how)
    checks.check_threads(function, args)
    checks.check_func_grad(function, args)
    checks.check_compile(function, args)
    hidden, weight, bias, scale, shift, mean, var = (*args, *(None,) * (7 - len(args)))
    torch.library.opcheck(
        torch.ops.ntm_fast.bow_product_log_likelihood.default,
        (
            *(hidden, weight, bias, *how["batch"][:3], None, mode in ("batch", "given")),
            *(mean, var, scale, shift, 1e-3, 0, True),
        ),
    )


def test_compiles_with_inductor_and_other_numbers_of_nonzeros() -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(
        lambda h, w, *batch: ops.bow_product_log_likelihood(h * 2, w, None, *batch)[0].sum(),
        fullgraph=True,
        dynamic=True,
        backend="inductor",
    )
    weight = torch.randn(60, 4, requires_grad=True)
    for length in (7, 9, 11):
        batch = fixed_batch(length=length)[:3]
        hidden = torch.randn(5, 4, requires_grad=True)
        expected = ops.bow_product_log_likelihood(hidden * 2, weight, None, *batch)[0].sum()
        fast = compiled(hidden, weight, *batch)
        torch.testing.assert_close(fast, expected)
        for one, two in zip(
            torch.autograd.grad(fast, [hidden, weight]),
            torch.autograd.grad(expected, [hidden, weight]),
            strict=True,
        ):
            torch.testing.assert_close(one, two)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
import torch._dynamo.utils
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.product import call, fixed_batch, problem
torch.manual_seed(0)
for documents, words, topics in [(3, 5, 2), (70, 300, 33), (40, 90, 70)]:
    args, how = problem(fixed_batch(documents, words), topics, "batch")
    checks.check_float64(call(ops, **how), call(reference, **how), args, 1e-12, floor=1.0)
    checks.check_float32(call(ops, **how), call(reference, **how), args, floor=1.0)
print("ok")
"""
    assert run_at_level(level, code).strip() == "ok"


def test_logits_beyond_the_range_of_exp() -> None:
    batch = fixed_batch(4, 30)
    args, how = problem(batch, 5, "biased", spread=40.0)
    checks.check_float64(call(ops, **how), call(reference, **how), args, 1e-12)
    checks.check_float32(call(ops, **how), call(reference, **how), args, floor=1.0)


def test_minus_infinity_as_a_bias_masks_a_word() -> None:
    batch = CsrBatch(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 2]), torch.ones(3), 4)
    args, how = problem(batch, 3, "biased")
    with torch.no_grad():
        args[2][3] = -torch.inf
    checks.check_float64(
        call(ops, **how), call(reference, **how), [*args[:2], args[2].detach()], 1e-12
    )


def test_not_finite_travels() -> None:
    args, how = problem(fixed_batch(4, 30), 5, "plain")
    with torch.no_grad():
        args[0][1, 2] = torch.nan
    log_likelihood = call(ops, **how)(*args)[0]
    assert log_likelihood.isnan().tolist() == [False, True, False, False]


def test_empty_documents_and_empty_batch() -> None:
    weight = torch.randn(4, 3, requires_grad=True)
    empty = (torch.zeros(3, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    log_likelihood, _, _ = ops.bow_product_log_likelihood(torch.randn(2, 3), weight, None, *empty)
    assert log_likelihood.tolist() == [0.0, 0.0]
    log_likelihood.sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()
    nothing = (torch.zeros(1, dtype=torch.int64), *empty[1:])
    hidden = torch.randn(0, 3, requires_grad=True)
    log_likelihood, _, _ = ops.bow_product_log_likelihood(hidden, weight, None, *nothing)
    assert torch.autograd.grad(log_likelihood.sum(), weight)[0].eq(0).all()


def test_frozen_inputs_cost_no_gradient() -> None:
    args, how = problem(fixed_batch(), 3, "biased")
    output = call(ops, **how)(args[0], args[1].detach(), args[2])[0]
    expected = call(ops, **how)(*args)[0]
    for i in (0, 2):
        frozen = torch.autograd.grad(output.sum(), args[i], retain_graph=True)[0]
        assert torch.equal(
            frozen, torch.autograd.grad(expected.sum(), args[i], retain_graph=True)[0]
        )


@pytest.mark.cpu
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("documents", "words", "topics"), [(1, 1, 1), (70, 300, 21), (16, 59, 3)])
def test_kept_logits_change_no_bit(mode: str, documents: int, words: int, topics: int) -> None:
    """What is kept ends in the logits, unless they are too many; they can be computed again."""
    forward = torch.ops.ntm_fast.bow_product_log_likelihood
    backward = torch.ops.ntm_fast.bow_product_log_likelihood_backward

    def arguments(words: int) -> tuple[Any, ...]:
        args, how = problem(fixed_batch(documents, words), topics, mode)
        tensors = [x.detach() for x in checks.to_dtype(args, torch.float32)]
        hidden, weight, bias, scale, shift, mean, var = (*tensors, *(None,) * (7 - len(args)))
        csr = how["batch"][:3]
        given = mean, var, scale, shift, 1e-3, 0
        return hidden, weight, bias, *csr, None, mode in ("batch", "given"), *given

    without = forward(*arguments(50_000), True)[4].numel()
    args = arguments(words)
    value, _, variance, order, kept = forward(*args, True)
    assert kept.numel() > without
    args = (*args[:6], order, *args[7:], variance)
    results = [backward(value, *args, bytes, True, True) for bytes in (kept, kept[:without])]
    assert all(map(torch.equal, *results))
    with pytest.raises(ValueError, match=f"kept has 7 bytes, expected the {kept.numel()} of the"):
        backward(value, *args, kept[:7], True, True)


@pytest.mark.cpu
def test_nothing_is_kept_without_need() -> None:
    args, how = problem(fixed_batch(), 3, "plain")
    kept = call(ops, **how)(*args)[0].grad_fn.saved_tensors[-1]
    assert kept.numel()
    forward = torch.ops.ntm_fast.bow_product_log_likelihood
    rest = None, False, None, None, None, None, 1e-3, 0, False
    outputs = forward(*(x.detach() for x in args), None, *how["batch"][:3], *rest)
    assert [x.numel() for x in outputs[3:]] == [0, 0]


@pytest.mark.cpu
@pytest.mark.parametrize("batch_norm", [False, True])
def test_memory_does_not_grow_with_documents_times_words(batch_norm: bool) -> None:
    documents, words, topics = 256, 20_000, 100
    growth = peak_growth(
        f"""
import torch
import torch._dynamo.utils
from ntm_fast import ops
torch.set_num_threads(2)  # each has some scratch
def run(documents, words):
    weight = torch.randn(words, {topics}, requires_grad=True)
    hidden = torch.randn(documents, {topics}, requires_grad=True)
    batch = (torch.arange(documents + 1) * 50, torch.randint(words, (documents * 50,)))
    def step():
        ll, _, _ = ops.bow_product_log_likelihood(
            hidden, weight, None, *batch, torch.ones(documents * 50), batch_norm={batch_norm}
        )
        ll.sum().backward()
    return step
run(3, 5)()
step = run({documents}, {words})
""",
        "step()",
    )
    gradient = words * topics * 4
    logits = documents * words * 4
    assert growth < gradient + 5 * 2**20 < gradient + logits / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(5)}, r"hidden has shape \[5\], expected \[B, K\]"),
        (
            {"weight": torch.zeros(60, 4)},
            r"weight has shape \[60, 4\], expected \[V, K\] with K = 3",
        ),
        ({"weight": torch.zeros(60, 3).double()}, "weight has another dtype than hidden"),
        ({"weight": torch.zeros(0, 3)}, "expected at least one word"),
        (
            {"hidden": torch.zeros(5, 3).int(), "weight": torch.zeros(60, 3).int()},
            "must be float32",
        ),
        ({"bias": torch.zeros(59)}, r"bias has shape \[59\], expected \[V\], \[60\]"),
        ({"hidden": torch.zeros(6, 3)}, "indptr has 6 elements, expected 7"),
        ({"counts": torch.ones(34)}, "counts has 34 elements, expected 35"),
        ({"scale": torch.ones(60)}, "scale is given, but batch_norm is false"),
        ({"batch_norm": True, "mean": torch.ones(60)}, "mean is given without var"),
        ({"eps": -1.0}, "eps is -1"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    check_refused(change, message)


def of_weight(batch: CsrBatch, weight: Tensor, order: Tensor | None) -> Tensor:
    hidden = torch.ones(len(batch.indptr) - 1, weight.shape[1]).to(weight)
    return ops.bow_product_log_likelihood(hidden, weight, None, *batch[:3], order=order)[0]


@given(batch=csr_batches())
def test_given_order(batch: CsrBatch) -> None:
    check_given_order(of_weight, batch, torch.randn(batch.n_words, 3, requires_grad=True))


@pytest.mark.cpu
def test_refused_order() -> None:
    check_refused_order(of_weight, torch.randn(6, 4, requires_grad=True))


@pytest.mark.parametrize("backend", [ops, reference])
def test_bags_are_one_argument(backend: Any) -> None:
    csr, weight = fixed_batch()[:3], torch.randn(60, 3)
    op = backend.bow_product_log_likelihood
    check_bags(lambda *bags, **given: op(torch.ones(5, 3), weight, None, *bags, **given), csr)


@pytest.mark.gpu
def test_noted_order() -> None:
    check_noted_order(of_weight, torch.randn(6, 4, requires_grad=True))


@pytest.mark.gpu
def test_noted_batches() -> None:
    hidden, weight = torch.randn(2, 3), torch.randn(6, 3)
    check_noted_batches(lambda *b: ops.bow_product_log_likelihood(hidden, weight, None, *b)[0])


@pytest.mark.cpu  # elsewhere values are not read before the kernels run
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": torch.full((35,), 60)}, r"indices\[0\] is 60, expected 0 <= index < 60"),
        ({"indices": torch.full((35,), -1)}, r"indices\[0\] is -1"),
        ({"counts": torch.full((35,), torch.nan)}, r"counts\[0\] is nan"),
        ({"counts": torch.full((35,), -1.0)}, r"counts\[0\] is -1"),
        ({"indptr": torch.tensor([0, 5, 3, 9, 20, 35])}, r"indptr\[2\] is 3"),
        ({"indptr": torch.tensor([0, 5, 8, 9, 20, 36])}, r"indptr\[5\] is 36"),
    ],
)
def test_bad_values(change: dict[str, Any], message: str) -> None:
    check_refused(change, message)


def check_refused(change: dict[str, Any], message: str) -> None:
    indptr, indices, counts, _ = fixed_batch()
    arguments = {
        "hidden": torch.zeros(5, 3),
        "weight": torch.zeros(60, 3),
        "bias": None,
        "indptr": indptr,
        "indices": indices,
        "counts": counts,
    }
    with pytest.raises(ValueError, match=message):
        ops.bow_product_log_likelihood(**{**arguments, **change})
