from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.helpers.memory import peak_growth
from tests.ops.checks import relative_error
from tests.ops.csr_checks import check_bad_batches, check_bags, check_noted_batches, random_batch
from tests.ops.strategies import CsrBatch, csr_batches

NAME = "bow_mixture_proportions"
FLOATS = st.sampled_from([torch.float32, torch.float64])


def inputs(batch: CsrBatch, n_topics: int, spread: float = 1.0) -> list[Tensor]:
    """All but the steps, in float64."""
    theta = torch.randn(batch.indptr.shape[0] - 1, n_topics, dtype=torch.float64).softmax(1)
    topics = (torch.randn(batch.n_words, n_topics, dtype=torch.float64) * spread).softmax(0)
    prior = torch.rand(n_topics, dtype=torch.float64) + 0.02
    return [theta, topics, prior, *batch[:3]]


def error_of_rounding(args: list[Tensor], steps: int) -> float:
    """The change of θ if float32 topics change by two of their last bits."""
    topics = args[1] * (1 + 2**-22 * torch.empty_like(args[1]).uniform_(-1, 1))
    moved = reference.bow_mixture_proportions(args[0].double(), topics, *args[2:], steps)
    truth = reference.bow_mixture_proportions(args[0].double(), *args[1:], steps)
    return float((moved - truth).abs().max()) if truth.numel() else 0.0


def check(args: list[Tensor], steps: int, bound: float = 1e-9) -> Tensor:
    """The op's result, which has to equal the reference's; rows sum to 1.

    With float32 topics the error may be 8 times the reference's own change under their rounding.
    """
    found = ops.bow_mixture_proportions(*args, steps)
    truth = reference.bow_mixture_proportions(*args, steps)
    assert found.dtype == truth.dtype == args[0].dtype
    bound += 0 if found.dtype == torch.float64 else 1e-7
    if args[1].dtype == torch.float32:
        bound += 3e-7 + 8 * error_of_rounding(args, steps)
    torch.testing.assert_close(found, truth, rtol=bound, atol=bound)
    torch.testing.assert_close(found.sum(1), torch.ones(len(found)).to(found))
    return found


@given(
    batch=csr_batches(),
    n_topics=st.integers(1, 150),
    spread=st.floats(0, 5),
    steps=st.integers(0, 12),
    theta_dtype=FLOATS,
    topics_dtype=FLOATS,
)
def test_equals_reference(
    batch: CsrBatch,
    n_topics: int,
    spread: float,
    steps: int,
    theta_dtype: torch.dtype,
    topics_dtype: torch.dtype,
) -> None:
    theta, topics, prior, indptr, indices, counts = inputs(batch, n_topics, spread)
    counts = counts.to(topics_dtype)  # in which the op reads them
    args = [theta.to(theta_dtype), topics.to(topics_dtype), prior, indptr, indices, counts]
    check(args, steps)


@given(batch=csr_batches(), n_topics=st.integers(1, 40), spread=st.sampled_from([60.0, 300.0]))
def test_underflowing_probabilities(batch: CsrBatch, n_topics: int, spread: float) -> None:
    """At concentrations of 1e-3 the weights are e^-1000 or less: 0 in float64."""
    args = inputs(batch, n_topics, spread)
    args[2] = args[2] * 1e-3
    check(args, 5, 1e-7)


def test_a_word_of_a_topic_without_weight() -> None:
    """Only topic 1 has word 1, and the document gives that topic e^-1000 of its weight."""
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    csr = torch.tensor([0, 2]), torch.tensor([0, 1]), torch.tensor([3.0, 1.0])
    prior = torch.full((2,), 1e-3)
    found = check([torch.tensor([[1.0, 0.0]]), topics, prior, *csr], 1)
    torch.testing.assert_close(found, torch.tensor([[3.001, 1.001]]) / 4.002)


@given(batch=csr_batches(), scale=st.floats(-250, 0), dtype=FLOATS)
def test_the_scale_of_a_words_row_does_not_matter(
    batch: CsrBatch, scale: float, dtype: torch.dtype
) -> None:
    theta, topics, *others = inputs(batch, 6)
    scale = scale / 8 if dtype == torch.float32 else scale
    factors = 10 ** (scale * torch.rand(batch.n_words, 1, dtype=torch.float64))
    rescaled = topics / topics.amax(1, keepdim=True) * factors
    found = ops.bow_mixture_proportions(theta, rescaled.to(dtype), *others, 8)
    plain = ops.bow_mixture_proportions(theta, topics, *others, 8)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-9 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_counts(dtype: torch.dtype) -> None:
    batch = random_batch(5, 9, 30)
    args = inputs(batch, 4)
    args[1], args[5] = args[1].to(dtype), (batch.counts * 1e37).to(dtype)
    check(args, 6)
    args[5] = torch.full_like(args[5], 1e300 if dtype == torch.float64 else 3e38)
    check(args, 6)


def test_documents_and_words_that_hold_nothing() -> None:
    prior = torch.tensor([0.1, 0.3, 0.6])
    mean = (prior.double() / prior.double().sum()).expand(3, 3)
    theta = torch.tensor([[0.2, 0.3, 0.5]] * 3).double()
    topics = torch.rand(4, 3).softmax(0)
    indptr, indices = torch.tensor([0, 0, 2, 3]), torch.tensor([1, 3, 2])
    topics[2] = 0  # no topic has word 2
    found = check([theta, topics, prior, indptr, indices, torch.tensor([0.0, 0, 5])], 3)
    torch.testing.assert_close(found, mean)
    nothing = ops.bow_mixture_proportions(
        theta[:0], topics, prior, indptr[:1], indices[:0], torch.ones(0), 3
    )
    assert nothing.shape == (0, 3)


def test_one_topic() -> None:
    args = inputs(random_batch(7, 5, 20), 1)
    assert torch.equal(check(args, 4), torch.ones(7, 1).double())


def test_no_step_gives_what_it_begins_at() -> None:
    args = inputs(random_batch(7, 5, 20), 6)
    theta, _, prior, *_, counts = args
    gamma = prior + counts.view(7, 5).sum(1, keepdim=True) * theta
    torch.testing.assert_close(check(args, 0), gamma / gamma.sum(1, keepdim=True))


@pytest.mark.parametrize("n_topics", [3, 70, 300])
def test_values_that_are_not_finite(n_topics: int) -> None:
    """They spread as in the reference, and no further than their document."""
    batch = random_batch(6, 4, 20)
    for bad in (torch.nan, torch.inf):
        for place in (0, 1):
            args = inputs(batch, n_topics)
            word = int(batch.indices[9])
            args[place][2 if place == 0 else word, n_topics // 2] = bad
            found = ops.bow_mixture_proportions(*args, 3).isnan()
            truth = reference.bow_mixture_proportions(*args, 3).isnan()
            assert torch.equal(found, truth)
            assert found[2].all()
            assert not found.all()
            args[5] = torch.where(batch.indices == word, 0.0, args[5])
            found = ops.bow_mixture_proportions(*args, 3)
            assert torch.equal(found.isnan(), reference.bow_mixture_proportions(*args, 3).isnan())
            assert place == 0 or found.isfinite().all()  # stored zeros count for nothing


def test_a_document_does_not_depend_on_others() -> None:
    theta, topics, prior, indptr, indices, counts = inputs(random_batch(40, 150, 700), 37)
    together = ops.bow_mixture_proportions(theta, topics, prior, indptr, indices, counts)
    for d in (0, 13, 39):
        part = slice(int(indptr[d]), int(indptr[d + 1]))
        ends = torch.tensor([0, part.stop - part.start])
        alone = ops.bow_mixture_proportions(
            theta[d : d + 1], topics, prior, ends, indices[part], counts[part]
        )
        assert torch.equal(alone[0], together[d])


def test_half_types() -> None:
    theta, topics, *others = inputs(random_batch(5, 6, 20), 4)
    found = ops.bow_mixture_proportions(theta.half(), topics.bfloat16(), *others)
    expected = ops.bow_mixture_proportions(theta.half().float(), topics.bfloat16().float(), *others)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_contracts() -> None:
    args = inputs(random_batch(60, 40, 700), 37)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(ops.bow_mixture_proportions(*args, 20))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)
    torch.library.opcheck(torch.ops.ntm_fast.bow_mixture_proportions.default, (*args, 3))
    compiled = torch.compile(ops.bow_mixture_proportions, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(*args, 20), results[0])


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = f"""
import torch
from tests.ops.test_{NAME} import check, inputs
from tests.ops.csr_checks import random_batch
for n_topics in (1, 7, 13, 64, 131):
    args = inputs(random_batch(20, 70, 200), n_topics)
    check(args, 6)
    args[1], args[5] = args[1].float(), args[5].float()
    check(args, 6)
    args[1] = args[1] * 1e-30
    args[2] = args[2] * 1e-3
    check(args, 6, 1e-7)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


@pytest.mark.cpu
def test_memory_does_not_grow_with_the_nonzeros() -> None:
    """[N, K] doubles would be 800 MB, [N] doubles 8 MB."""
    setup = """
import torch
from ntm_fast import ops
words, topics = 1_000_000, 100
matrix = torch.rand(words, topics)
theta, prior = torch.full((1, topics), 1 / topics), torch.full((topics,), 0.1)
indices, counts = torch.arange(words, dtype=torch.int32), torch.ones(words)
def proportions(n):
    indptr = torch.tensor([0, n])
    return ops.bow_mixture_proportions(theta, matrix, prior, indptr, indices[:n], counts[:n], 2)
proportions(1000)
"""
    assert peak_growth(setup, "proportions(words)") < 1e6


@pytest.mark.cpu
def test_bad_batches() -> None:
    theta, topics, prior = torch.full((2, 3), 1 / 3), torch.rand(6, 3), torch.ones(3)
    check_bad_batches(lambda *batch: ops.bow_mixture_proportions(theta, topics, prior, *batch))


@pytest.mark.parametrize("backend", [ops, reference])
def test_bags_are_one_argument(backend: Any) -> None:
    theta, topics, prior, *csr = inputs(random_batch(5, 7, 60), 3)
    op = backend.bow_mixture_proportions
    check_bags(lambda *bags, **given: op(theta, topics, prior, *bags, steps=3, **given), csr)


@pytest.mark.gpu
def test_noted_batches() -> None:
    theta, topics, prior = torch.full((2, 3), 1 / 3), torch.rand(6, 3), torch.ones(3)
    check_noted_batches(lambda *batch: ops.bow_mixture_proportions(theta, topics, prior, *batch))


@pytest.mark.gpu
def test_concentrations_that_are_none() -> None:
    args = inputs(random_batch(4, 5, 20), 3)
    for bad in (0.0, -1.0, torch.inf, torch.nan):
        args[2][1] = bad
        assert ops.bow_mixture_proportions(*args, 2).isnan().all()


@pytest.mark.cpu
@pytest.mark.parametrize("bad", [0.0, -1.0, torch.inf, torch.nan])
def test_concentrations_that_are_refused(bad: float) -> None:
    args = inputs(random_batch(4, 5, 20), 3)
    args[2][1] = bad
    with pytest.raises(ValueError, match=r"prior\[1\] is \S+, expected positive and finite"):
        ops.bow_mixture_proportions(*args)


def test_bad_input() -> None:
    theta, topics, prior = torch.full((2, 3), 1 / 3), torch.rand(6, 3), torch.ones(3)
    batch = torch.tensor([0, 2, 3]), torch.tensor([0, 5, 1]), torch.ones(3)
    op = ops.bow_mixture_proportions
    with pytest.raises(ValueError, match=r"indptr has shape \[3\], expected \[2\], one more"):
        op(theta[:1], topics, prior, *batch)
    with pytest.raises(ValueError, match=r"topics has shape \[6, 2\], expected \[V, 3\]"):
        op(theta, topics[:, :2], prior, *batch)
    with pytest.raises(ValueError, match=r"theta has shape \[3\], expected \[B, K\]"):
        op(theta[0], topics, prior, *batch)
    with pytest.raises(ValueError, match=r"prior has shape \[2\], expected \[3\]"):
        op(theta, topics, prior[:2], *batch)
    with pytest.raises(ValueError, match="steps is -1, expected at least 0"):
        op(theta, topics, prior, *batch, -1)
    with pytest.raises(ValueError, match="theta must be float32 or float64, got int64"):
        op(theta.long(), topics, prior, *batch)
    with pytest.raises(ValueError, match="topics must be float32 or float64, got int64"):
        op(theta, topics.long(), prior, *batch)
    with pytest.raises(ValueError, match="prior must be of a real dtype, got ComplexFloat"):
        op(theta, topics, prior + 0j, *batch)
    for place, name in ((0, "theta"), (1, "topics"), (2, "prior"), (5, "counts")):
        args = [theta, topics, prior, *batch]
        args[place] = args[place].clone().requires_grad_()
        with pytest.raises(ValueError, match=f"{name} requires a gradient, which this op does not"):
            op(*args)
        with torch.no_grad():
            assert relative_error(op(*args), op(theta, topics, prior, *batch)) == 0
