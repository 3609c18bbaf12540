"""bow_product_log_likelihood at each precision of matrix products, on each device.

"medium" takes products in bfloat16, "high" in two or three parts of each operand, or in tf32.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import _C, build_info, ops, reference
from tests.helpers.levels import BF16_LEVELS, machine_levels, run_at_level, supported
from tests.kernels.amx_emulation import amx_emulator
from tests.ops import checks
from tests.ops.every_op import PRODUCTS, Case, Draw, case

Shape = tuple[int, int, int]
FEW: list[Shape] = [(70, 300, 33), (40, 90, 70), (130, 61, 16)]  # documents, words, topics
# The last two have many tiles of words, and of documents.
SHAPES = [*FEW, (9, 70, 200), (20, 1400, 64), (650, 40, 90)]
SPREAD = 0.5  # with larger logits a few words make the error, and either may round the lucky way
BATCH_NORM = "bow_product_log_likelihood, batch norm"
BF16 = "avx512_bf16" in supported(BF16_LEVELS)
needs_bf16 = pytest.mark.skipif(not BF16, reason="no products of bfloat16 on this machine")


@pytest.fixture(autouse=True)
def precision_restored() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


def autocast(dtype: torch.dtype = torch.bfloat16, device: str = "cpu") -> Any:
    return torch.autocast("cuda" if device == "cuda" else "cpu", dtype=dtype)


def problem(name: str, shape: Shape, spread: float = 1.0) -> Case:
    """Inputs in float64."""
    documents, words, topics = shape
    draw = Draw(documents, topics, words, length=20, dtype=torch.float64, spread=spread)
    return case(name, draw)


class Errors:
    """‖value − truth‖ / ‖truth‖ of the output and of each gradient, against float64."""

    def __init__(self, given: Case) -> None:
        self.given = given
        self.truths = checks.gradients(given.function(reference), given.values)
        self.single = checks.to_dtype(given.values, torch.float32)

    def of(self, backend: Any) -> list[float]:
        values = checks.gradients(self.given.function(backend), self.single)
        return [
            float((x.double() - truth).norm() / truth.norm().clamp_min(1.0))
            for x, truth in zip(values, self.truths, strict=True)
        ]


def check_no_more(fast: list[list[float]], plain: list[list[float]]) -> None:
    """Over all shapes together: on few numbers either may round the lucky way."""
    ours, theirs = torch.tensor(fast).norm(dim=0), torch.tensor(plain).norm(dim=0)
    assert (ours <= theirs).all(), (ours, theirs)


@pytest.mark.parametrize("name", PRODUCTS)
def test_medium_errs_no_more_than_pytorch_in_bfloat16(name: str, device: str) -> None:
    fast, plain = [], []
    for shape in SHAPES:
        errors = Errors(problem(name, shape, SPREAD))
        torch.set_float32_matmul_precision("medium")
        fast.append(errors.of(ops))
        with autocast(device=device):
            plain.append(errors.of(reference))
    check_no_more(fast, plain)


@pytest.mark.parametrize("name", PRODUCTS)
def test_high_is_close_to_float32(name: str) -> None:
    torch.set_float32_matmul_precision("high")
    for shape in SHAPES:
        assert max(Errors(problem(name, shape, SPREAD)).of(ops)) <= 2e-5, shape


def tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTM_FAST_TF32", "1")
    torch.set_float32_matmul_precision("high")


@pytest.mark.gpu
@pytest.mark.parametrize("name", PRODUCTS)
def test_tf32_errs_an_eighth_of_bfloat16(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has three bits more. Three products of bfloat16 would err less than a hundredth."""
    ours, bfloat16 = [], []
    for shape in SHAPES:
        errors = Errors(problem(name, shape, SPREAD))
        torch.set_float32_matmul_precision("medium")
        bfloat16.append(errors.of(ops))
        tf32(monkeypatch)
        ours.append(errors.of(ops))
    ratio = torch.tensor(ours).norm(dim=0) / torch.tensor(bfloat16).norm(dim=0)
    if name == BATCH_NORM:
        ratio = ratio[[0, 1, 2, 4, 5]]  # the gradient of the bias is 0
    assert (ratio >= 1 / 16).all(), ratio
    assert (ratio <= 1 / 4).all(), ratio


@pytest.mark.gpu
def test_tf32_errs_no_more_than_its_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both operands of a logit are rounded by 2⁻¹¹ at most; so none errs by more than twice that
    of Σ_k |h_k W_vk|, nor does the log sum exp."""
    tf32(monkeypatch)
    for shape in SHAPES:
        given = problem("bow_product_log_likelihood", shape)
        single = checks.to_dtype(given.values, torch.float32)
        truth = given.function(reference)(*checks.to_dtype(single, torch.float64))[0]
        error = (given.function()(*single)[0].double() - truth).abs()
        hidden, weight, _, indptr, _, counts = single
        totals = torch.stack([counts[i:j].sum() for i, j in indptr.unfold(0, 2, 1).tolist()])
        largest = (hidden.abs() @ weight.abs().T).amax(1)
        assert (error <= 1.01 * 2**-10 * totals * largest).all()


def check_bf16(names: list[str], seed: int = 0) -> None:
    """Errs no more than the reference under autocast, which has operands of the same type."""
    torch.manual_seed(seed)
    for name in names:
        fast, plain = [], []
        for shape in FEW:
            errors = Errors(problem(name, shape))
            with autocast():
                fast.append(errors.of(ops))
                plain.append(errors.of(reference))
        check_no_more(fast, plain)


def check_split(names: list[str], seed: int = 0) -> None:
    """Two parts of each operand: about 1e-5, where the numbers are not a few that cancel."""
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    for name in names:
        for shape in [(2, 3, 1), (3, 5, 2), *FEW]:
            bound = 2e-5 if shape[0] > 3 else 1e-3
            assert max(Errors(problem(name, shape)).of(ops)) <= bound, (name, shape)


def tensors(name: str = BATCH_NORM) -> tuple[list[Any], Callable[..., Any]]:
    given = problem(name, (70, 300, 20))
    return checks.to_dtype(given.values, torch.float32), given.function()


def equal(a: list[Tensor | None], b: list[Tensor | None]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True) if x is not None)


@pytest.mark.cpu
@needs_bf16
def test_bf16_errs_no_more_than_pytorch() -> None:
    check_bf16(PRODUCTS)


@pytest.mark.cpu
@needs_bf16
def test_amx() -> None:
    emulated = {} if "amx" in supported(BF16_LEVELS) else {"LD_PRELOAD": str(amx_emulator())}
    code = """
import torch
torch.set_num_threads(2)
from ntm_fast import build_info
from tests.ops.test_bow_product_log_likelihood_precision import (
    PRODUCTS, check_bf16, check_split,
    test_info_says_which_path_each_precision_takes as check_info)
check_bf16(PRODUCTS[1:3])
check_split(PRODUCTS[1:3])
check_info()
print(build_info().cpu_level)
"""
    assert run_at_level("amx", code, **emulated).split() == ["amx"]


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_levels_without_bf16_use_float32(level: str) -> None:
    code = """
import torch
from tests.ops.test_bow_product_log_likelihood_precision import autocast, checks, equal, tensors
args, function = tensors()
expected = checks.gradients(function, args)
for precision in ("high", "medium"):
    torch.set_float32_matmul_precision(precision)
    assert equal(checks.gradients(function, args), expected)
with autocast():
    print(equal(checks.gradients(function, args), expected))
"""
    assert run_at_level(level, code).strip() == "True"


@pytest.mark.cpu
@needs_bf16
def test_what_selects_bf16() -> None:
    args, function = tensors()
    wide = checks.gradients(function, args)
    torch.set_float32_matmul_precision("medium")
    medium = checks.gradients(function, args)
    torch.set_float32_matmul_precision("highest")
    assert not equal(medium, wide)
    with autocast():
        assert equal(checks.gradients(function, args), medium)
    with autocast(torch.float16):
        assert equal(checks.gradients(function, args), wide)
    with autocast():  # float64 stays what it is
        checks.check_float64(function, function, args, 0.0)


@pytest.mark.cpu
@needs_bf16
def test_bf16_inputs() -> None:
    args, function = tensors("bow_product_log_likelihood, statistics given")
    narrow = checks.to_dtype(args, torch.bfloat16)
    value, *gradients = checks.gradients(function, narrow)
    assert value is not None
    assert value.dtype == torch.float32
    torch.set_float32_matmul_precision("medium")
    expected = checks.gradients(function, checks.to_dtype(narrow, torch.float32))
    assert torch.equal(value, expected[0])
    for gradient, wide in zip(gradients, expected[1:], strict=True):
        assert gradient is not None
        assert torch.equal(gradient, wide.bfloat16())
    # With one operand in float32 nothing is rounded beyond what the other has lost.
    torch.set_float32_matmul_precision("highest")
    mixed = [narrow[0].detach(), *checks.to_dtype(narrow[1:], torch.float32)]
    both = [mixed[0].float(), *mixed[1:]]
    assert equal(checks.gradients(function, mixed), checks.gradients(function, both))


@pytest.mark.cpu
@needs_bf16
def test_backward_keeps_the_precision_of_the_forward() -> None:
    args, function = tensors()
    leaves = [x for x in args if isinstance(x, Tensor) and x.requires_grad]
    torch.set_float32_matmul_precision("medium")
    expected = torch.autograd.grad(function(*args)[0].sum(), leaves)
    output = function(*args)[0]
    torch.set_float32_matmul_precision("highest")
    assert equal([*torch.autograd.grad(output.sum(), leaves)], [*expected])


@pytest.mark.cpu
@needs_bf16
def test_contracts() -> None:
    torch.set_float32_matmul_precision("medium")
    args, function = tensors()
    checks.check_threads(function, args)
    checks.check_func_grad(function, args)
    checks.check_compile(function, args)


@pytest.mark.cpu
@needs_bf16
def test_compiled_code_follows_the_precision() -> None:
    args, function = tensors()
    torch._dynamo.reset()
    compiled = torch.compile(lambda *a: function(*a)[0], fullgraph=True, backend="aot_eager")
    for precision in ("highest", "medium", "highest"):
        torch.set_float32_matmul_precision(precision)
        assert torch.equal(compiled(*args), function(*args)[0])
    with autocast():
        assert torch.equal(compiled(*args), function(*args)[0])


PATHS = {  # of highest, high and medium
    "avx512": ["float32", "float32", "float32"],
    "avx512_bf16": ["float32", "float32", "bfloat16 (avx512_bf16)"],
    "amx": ["float32", "3 x bfloat16 (amx)", "bfloat16 (amx)"],
}


@pytest.mark.cpu
def test_info_says_which_path_each_precision_takes() -> None:
    info = build_info()
    paths = [info.cpu_matmul_highest, info.cpu_matmul_high, info.cpu_matmul_medium]
    assert paths == PATHS.get(str(info.cpu_level), PATHS["avx512"])
    with pytest.raises(ValueError, match="precision is 3, expected 0, 1 or 2"):
        _C.matmul_path(3)
