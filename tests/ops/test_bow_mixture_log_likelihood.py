from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.helpers.memory import peak_growth
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

NAME = "bow_mixture_log_likelihood"
BOTH = ops.bow_mixture_log_likelihood, reference.bow_mixture_log_likelihood


def inputs(batch: CsrBatch, topics: int, spread: float = 1.0) -> list[Tensor]:
    documents = batch.indptr.shape[0] - 1
    theta = torch.randn(documents, topics, dtype=torch.float64).softmax(-1).requires_grad_()
    logits = torch.randn(batch.n_words, topics, dtype=torch.float64) * spread
    return [theta, logits.requires_grad_(), *batch[:3]]


@given(batch=csr_batches(), topics=st.integers(1, 150), spread=st.floats(0, 5))
def test_equals_reference(batch: CsrBatch, topics: int, spread: float) -> None:
    args = inputs(batch, topics, spread)
    words = float(batch.counts.sum())  # gradients may cancel down from this
    checks.check_float64(*BOTH, args, 1e-12, floor=words)
    checks.check_float32(*BOTH, args, floor=words)


@given(batch=csr_batches(), topics=st.integers(1, 40), spread=st.sampled_from([60.0, 1000.0]))
def test_underflowing_probabilities(batch: CsrBatch, topics: int, spread: float) -> None:
    args = inputs(batch, topics, spread)
    words = float(batch.counts.sum())
    checks.check_float64(*BOTH, args, spread * 1e-14, floor=words)
    if spread == 60:  # beyond, float32 gradients overflow
        for x in checks.gradients(
            ops.bow_mixture_log_likelihood, checks.to_dtype(args, torch.float32)
        ):
            assert x.isfinite().all()


def test_float32_underflow_is_exact() -> None:
    """Word 1 has p = e^-120, which is 0 in float32."""
    theta = torch.tensor([[0.25, 0.75]], requires_grad=True)
    logits = torch.tensor([[0.0, 0], [-120, -121], [0, 0]], requires_grad=True)
    batch = torch.tensor([0, 2]), torch.tensor([1, 1]), torch.tensor([2.0, 0])
    checks.check_float32(*BOTH, [theta, logits, *batch])
    value = ops.bow_mixture_log_likelihood(theta, logits, *batch)
    e = torch.tensor(1.0).exp()
    assert torch.allclose(value, 2 * (-120 - torch.tensor(2.0).log() + (0.25 + 0.75 / e).log()))


def test_zero_and_one_hot_proportions() -> None:
    batch = random_batch(4, 9, 30)
    args = inputs(batch, 4)
    theta = torch.eye(4, dtype=torch.float64, requires_grad=True)
    checks.check_float64(*BOTH, [theta, *args[1:]], 1e-13)


HUGE = [1e8, 1e12, 1e15, 1e20, 1e30, 3.4e38, -1e12, -1e20, -3.4e38]


@pytest.mark.parametrize("shift", HUGE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_are_as_good_as_small_ones(shift: float, dtype: torch.dtype) -> None:
    """A shift of all of a topic's logits changes nothing, whatever its size."""
    args = checks.to_dtype(inputs(random_batch(5, 8, 20), 3), dtype)
    small, huge = torch.zeros(20, 3, dtype=dtype), torch.full((20, 3), shift, dtype=dtype)
    huge[:, 1] = 0
    huge[7] = small[7] = -torch.inf  # a word that does not occur
    args[3] = torch.where(args[3] == 7, 8, args[3])
    results = [
        checks.gradients(ops.bow_mixture_log_likelihood, [args[0], x.requires_grad_(), *args[2:]])
        for x in (small, huge)
    ]
    for value, right in zip(*results, strict=True):
        assert checks.relative_error(value, right) <= 4 * torch.finfo(dtype).eps


def test_words_without_probability() -> None:
    """A logit of -inf is a probability of 0, and no NaN while another topic has the word."""
    args = inputs(random_batch(5, 8, 20), 3)
    logits = args[1].detach().clone()
    logits[::2, 0] = -torch.inf
    logits[19] = -torch.inf
    args[3] = args[3].clone() % 19
    results = checks.gradients(
        ops.bow_mixture_log_likelihood, [args[0], logits.requires_grad_(), *args[2:]]
    )
    assert all(x.isfinite().all() for x in results)
    dense = logits.detach().softmax(0)
    value = ops.bow_mixture_log_likelihood(args[0], logits, *args[2:])
    expected = reference.bow_mixture_log_likelihood(args[0], dense.log(), *args[2:])
    assert torch.allclose(value, expected, rtol=1e-12)


def test_gradcheck() -> None:
    batch = (
        torch.tensor([0, 3, 3, 5]),
        torch.tensor([4, 1, 4, 0, 2]),
        torch.tensor([1.0, 2, 0.5, 0, 3]),
    )
    torch.autograd.gradcheck(ops.bow_mixture_log_likelihood, inputs(CsrBatch(*batch, 6), 3))


def test_contracts() -> None:
    args = inputs(random_batch(30, 40, 700), 37)
    checks.check_threads(ops.bow_mixture_log_likelihood, args)
    checks.check_func_grad(ops.bow_mixture_log_likelihood, args)
    checks.check_compile(ops.bow_mixture_log_likelihood, args)
    op = torch.ops.ntm_fast.bow_mixture_log_likelihood.default
    torch.library.opcheck(op, (*args, None))
    torch.library.opcheck(op, (args[0].detach(), *args[1:], None))


def test_compile_with_changing_nonzeros() -> None:
    batches = [random_batch(5, length, 300) for length in (40, 7, 130, 55)]
    theta, logits, *_ = inputs(batches[0], 6)
    check_dynamic_nonzeros(ops.bow_mixture_log_likelihood, batches, theta, logits)


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = f"""
from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_{NAME} import inputs
from tests.ops.csr_checks import random_batch
for topics, spread in ((1, 1), (7, 60), (64, 1), (131, 1)):
    args = inputs(random_batch(20, 30, 200), topics, spread)
    checks.check_float64(ops.{NAME}, reference.{NAME}, args, 1e-12)
    if spread == 1: checks.check_float32(ops.{NAME}, reference.{NAME}, args)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.cpu
def test_memory_is_that_of_the_gradient() -> None:
    """B x V floats would be 400 MB; logits and their gradient are 8 MB each."""
    setup = """
import torch
from ntm_fast import ops
words, topics, documents = 100_000, 20, 1000
theta = torch.full((documents, topics), 1 / topics, requires_grad=True)
logits = torch.zeros(words, topics, requires_grad=True)
indptr = torch.arange(documents + 1) * 50
indices = torch.randint(0, words, (documents * 50,), dtype=torch.int32)
counts = torch.ones(documents * 50)
small = torch.zeros(10, topics, requires_grad=True)
batch = indptr[:2], indices[:50] % 10, counts[:50]
ops.bow_mixture_log_likelihood(theta[:1], small, *batch).sum().backward()
theta.grad = None
"""
    body = "ops.bow_mixture_log_likelihood(theta, logits, indptr, indices, counts).sum().backward()"
    assert peak_growth(setup, body) < 12e6


@pytest.mark.cpu
def test_bad_batches() -> None:
    theta, logits = torch.full((2, 3), 1 / 3), torch.randn(6, 3)
    check_bad_batches(lambda *batch: ops.bow_mixture_log_likelihood(theta, logits, *batch))


def of_logits(batch: CsrBatch, logits: Tensor, order: Tensor | None) -> Tensor:
    theta = torch.full((len(batch.indptr) - 1, logits.shape[1]), 1 / logits.shape[1])
    return ops.bow_mixture_log_likelihood(theta.to(logits), logits, *batch[:3], order)


@given(batch=csr_batches())
def test_given_order(batch: CsrBatch) -> None:
    check_given_order(of_logits, batch, torch.randn(batch.n_words, 3, requires_grad=True))


@pytest.mark.cpu
def test_refused_order() -> None:
    check_refused_order(of_logits, torch.randn(6, 4, requires_grad=True))


@pytest.mark.parametrize("op", BOTH)
def test_bags_are_one_argument(op: Callable[..., Tensor]) -> None:
    theta, logits, *csr = inputs(random_batch(5, 7, 60), 3)
    check_bags(lambda *bags, **given: op(theta, logits, *bags, **given), csr)


@pytest.mark.gpu
def test_noted_order() -> None:
    check_noted_order(of_logits, torch.randn(6, 4, requires_grad=True))


@pytest.mark.gpu
def test_noted_batches() -> None:
    theta, logits = torch.full((2, 3), 1 / 3), torch.randn(6, 3)
    check_noted_batches(lambda *batch: ops.bow_mixture_log_likelihood(theta, logits, *batch))


def test_bad_input() -> None:
    theta, logits = torch.full((2, 3), 1 / 3), torch.randn(6, 3)
    batch = torch.tensor([0, 2, 3]), torch.tensor([0, 5, 1]), torch.ones(3)
    with pytest.raises(ValueError, match=r"indptr has shape \[3\], expected \[2\], one more"):
        ops.bow_mixture_log_likelihood(theta[:1], logits, *batch)
    with pytest.raises(ValueError, match=r"topic_logits has shape \[6, 2\], expected \[V, 3\]"):
        ops.bow_mixture_log_likelihood(theta, logits[:, :2], *batch)
    with pytest.raises(ValueError, match=r"theta has shape \[3\], expected \[B, K\]"):
        ops.bow_mixture_log_likelihood(theta[0], logits, *batch)
    with pytest.raises(ValueError, match="topic_logits has another dtype than theta"):
        ops.bow_mixture_log_likelihood(theta, logits.double(), *batch)
    with pytest.raises(ValueError, match="counts requires a gradient"):
        ops.bow_mixture_log_likelihood(theta, logits, *batch[:2], torch.ones(3, requires_grad=True))
    theta[1, 0] = torch.nan
    assert ops.bow_mixture_log_likelihood(theta, logits, *batch).isnan().tolist() == [False, True]
    logits[2, 1] = torch.nan
    assert ops.bow_mixture_log_likelihood(theta, logits, *batch).isnan().all()


def test_double_backward_raises() -> None:
    args = inputs(random_batch(3, 4, 10), 3)
    value = ops.bow_mixture_log_likelihood(*args).square().sum()
    (gradient,) = torch.autograd.grad(value, args[0], create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
