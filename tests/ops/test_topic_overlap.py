import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.ops import checks

BOTH = ops.topic_overlap, reference.topic_overlap
FLOOR = 1e-6  # an overlap is 0 at the least, with a gradient of rounding errors


def inputs(words: int, topics: int, spread: float = 1.0) -> list[Tensor]:
    return [(torch.randn(words, topics, dtype=torch.float64) * spread).requires_grad_()]


@given(words=st.integers(1, 300), topics=st.integers(1, 70), spread=st.floats(0.1, 8))
def test_equals_reference(words: int, topics: int, spread: float) -> None:
    args = inputs(words, topics, spread)
    checks.check_float64(*BOTH, args, 1e-11, FLOOR)
    checks.check_float32(*BOTH, args, floor=FLOOR)


@pytest.mark.parametrize(("words", "topics"), [(5000, 3), (3000, 131)])
def test_many_words_and_topics(words: int, topics: int) -> None:
    args = inputs(words, topics, 2.0)
    checks.check_float64(*BOTH, args, 1e-11, FLOOR)
    checks.check_float32(*BOTH, args, floor=FLOOR)


def test_what_it_counts() -> None:
    apart = torch.full((4, 2), -1e4)
    apart[0, 0] = apart[1, 0] = apart[2, 1] = apart[3, 1] = 0
    assert ops.topic_overlap(apart).item() == 0
    thrice = torch.cat((apart, apart[:, :1], apart[:, :1]), 1)
    assert ops.topic_overlap(thrice).item() == pytest.approx(3 * 2 / 4)
    frequent = apart + torch.tensor([[50.0], [0], [50], [0]])  # equally in all topics
    assert ops.topic_overlap(frequent).item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [1e8, 1e12, 1e20, 3.4e38, -1e12, -1e20, -3.4e38])
def test_huge_logits(shift: float, dtype: torch.dtype) -> None:
    """A shift of a topic's logits changes nothing; a single huge one makes a topic of one word."""
    small = torch.zeros(20, 3, dtype=dtype)
    small[:5, 1], small[3, 2] = 1, -torch.inf
    huge = small.clone()
    huge[:, 0] = shift
    one_word = torch.zeros(20, 3, dtype=dtype)
    one_word[:, 0], one_word[7, 0] = -torch.inf, 0
    single = torch.zeros(20, 3, dtype=dtype)
    single[7, 0] = abs(shift)
    for right, given_ in ((small, huge), (one_word, single)):
        results = [
            checks.gradients(ops.topic_overlap, [x.requires_grad_()]) for x in (right, given_)
        ]
        for truth, value in zip(*results, strict=True):
            assert checks.relative_error(value, truth, FLOOR) <= 1e2 * torch.finfo(dtype).eps


@given(shift=st.floats(-50, 50), scale=st.sampled_from([1e-3, 30.0, 1e4]))
def test_float32_stays_finite(shift: float, scale: float) -> None:
    logits = (scale * torch.randn(200, 20) + shift * torch.arange(20)).requires_grad_()
    value = ops.topic_overlap(logits)
    (gradient,) = torch.autograd.grad(value, logits)
    assert 0 <= value.item() <= 19
    assert gradient.isfinite().all()


def test_gradcheck() -> None:
    torch.autograd.gradcheck(ops.topic_overlap, inputs(7, 5))


def test_contracts() -> None:
    args = inputs(5000, 60)  # worth two threads
    checks.check_threads(ops.topic_overlap, args)
    checks.check_func_grad(ops.topic_overlap, args)
    checks.check_compile(ops.topic_overlap, args)
    torch.library.opcheck(torch.ops.ntm_fast.topic_overlap.default, tuple(inputs(9, 4)))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
from tests.ops import checks
from tests.ops.test_topic_overlap import BOTH, FLOOR, inputs
for words, topics in ((1, 1), (65, 33), (700, 50), (90, 150)):
    checks.check_float64(*BOTH, inputs(words, topics), 1e-11, FLOOR)
    checks.check_float32(*BOTH, inputs(words, topics), floor=FLOOR)
print("same")
"""
    assert run_at_level(level, code) == "same\n"


def test_logits_of_any_strides() -> None:
    (logits,) = inputs(30, 6)
    value, expected = ops.topic_overlap(logits.T.contiguous().T), ops.topic_overlap(logits)
    assert torch.equal(value, expected)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_not_finite_travels(bad: float) -> None:
    logits = inputs(9, 4)[0].detach()
    logits[3, 2] = bad
    for op in BOTH:
        assert op(logits).isnan()
    logits[3, 2] = -torch.inf  # a word that the topic lacks
    assert torch.allclose(ops.topic_overlap(logits), reference.topic_overlap(logits))


def test_half_types_are_computed_in_float32() -> None:
    logits = inputs(40, 6)[0].detach().bfloat16()
    assert torch.equal(ops.topic_overlap(logits), ops.topic_overlap(logits.float()))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"topic_logits has shape \[6\], expected \[V, K\]"):
        ops.topic_overlap(torch.zeros(6))
    for shape in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match="V > 0, K > 0"):
            ops.topic_overlap(torch.zeros(shape))
    with pytest.raises(ValueError, match="topic_logits must be float32 or float64"):
        ops.topic_overlap(torch.zeros(6, 2, dtype=torch.int64))
    good = torch.randn(6, 2)
    _, *saved = torch.ops.ntm_fast.topic_overlap(good)
    backward = torch.ops.ntm_fast.topic_overlap_backward
    with pytest.raises(ValueError, match=r"grad_overlap has shape \[2\], expected \[\]"):
        backward(torch.ones(2), good, *saved)
    with pytest.raises(ValueError, match=r"scales has shape \[5\], expected \[6\]"):
        backward(torch.ones(()), good, saved[0], saved[1][:5], saved[2])
    with pytest.raises(ValueError, match="gram_gradient has another dtype"):
        backward(torch.ones(()), good, saved[0], saved[1], saved[2].double())


def test_double_backward_raises() -> None:
    args = inputs(6, 3)
    (gradient,) = torch.autograd.grad(ops.topic_overlap(*args), args[0], create_graph=True)
    with pytest.raises(RuntimeError, match="double backward is not supported"):
        gradient.sum().backward()
