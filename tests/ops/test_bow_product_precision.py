"""bow_product_log_likelihood with matrix products in bfloat16, and in two parts of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import _C, build_info, ops, reference
from tests.emulator import amx_emulator
from tests.levels import BF16_LEVELS, machine_levels, run_at_level, supported
from tests.ops import checks
from tests.ops.test_bow_product_log_likelihood import MODES, call, fixed_batch, problem

SHAPES = [(70, 300, 33), (40, 90, 70), (130, 61, 16)]  # documents, words, topics
BF16 = "avx512_bf16" in supported(BF16_LEVELS)
needs_bf16 = pytest.mark.skipif(not BF16, reason="no products of bfloat16 on this machine")


@pytest.fixture(autouse=True)
def precision_restored() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


def autocast(dtype: torch.dtype = torch.bfloat16) -> Any:
    return torch.autocast("cpu", dtype=dtype)


def errors(function: Any, truths: list[Any], args: list[Any]) -> list[float]:
    """‖value − truth‖ / ‖truth‖ of the output and of each gradient."""
    values = checks.gradients(function, args)
    return [
        float((x.double() - truth).norm() / truth.norm().clamp_min(1.0))
        for x, truth in zip(values, truths, strict=True)
    ]


def check_bf16(modes: list[str], seed: int = 0) -> None:
    """Errs no more than the reference under autocast, which has operands of the same type.

    Over all shapes together: on few numbers either may round the lucky way.
    """
    torch.manual_seed(seed)
    for mode in modes:
        fast, plain = [], []
        for documents, words, topics in SHAPES:
            args, how = problem(fixed_batch(documents, words, 20), topics, mode)
            truths = checks.gradients(call(reference, **how), args)
            single = checks.to_dtype(args, torch.float32)
            with autocast():
                fast.append(errors(call(ops, **how), truths, single))
                plain.append(errors(call(reference, **how), truths, single))
        ours, theirs = torch.tensor(fast).norm(dim=0), torch.tensor(plain).norm(dim=0)
        assert (ours <= theirs).all(), (mode, ours, theirs)


def check_split(modes: list[str], seed: int = 0) -> None:
    """Two parts of each operand: about 1e-5, where the numbers are not a few that cancel."""
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    for mode in modes:
        for documents, words, topics in [(1, 3, 1), (3, 5, 2), *SHAPES]:
            args, how = problem(fixed_batch(documents, words, 20), topics, mode)
            truths = checks.gradients(call(reference, **how), args)
            single = checks.to_dtype(args, torch.float32)
            bound = 2e-5 if documents > 3 else 1e-3
            assert max(errors(call(ops, **how), truths, single)) <= bound, (mode, topics)


def tensors(mode: str = "batch") -> tuple[list[Any], Any]:
    args, how = problem(fixed_batch(70, 300), 20, mode)
    return checks.to_dtype(args, torch.float32), call(ops, **how)


def equal(a: list[Tensor | None], b: list[Tensor | None]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True) if x is not None)


@needs_bf16
def test_bf16_errs_no_more_than_pytorch() -> None:
    check_bf16(MODES)


@needs_bf16
def test_amx() -> None:
    emulated = {} if "amx" in supported(BF16_LEVELS) else {"LD_PRELOAD": str(amx_emulator())}
    code = """
import torch
torch.set_num_threads(2)
from ntm_fast import build_info
from tests.ops.test_bow_product_precision import (
    check_bf16, check_split, test_info_says_which_path_each_precision_takes as check_info)
check_bf16(["biased", "batch"])
check_split(["biased", "batch"])
check_info()
print(build_info().cpu_level)
"""
    assert run_at_level("amx", code, **emulated).split() == ["amx"]


@pytest.mark.parametrize("level", machine_levels())
def test_levels_without_bf16_use_float32(level: str) -> None:
    code = """
import torch
from tests.ops.test_bow_product_precision import autocast, checks, equal, tensors
args, function = tensors()
expected = checks.gradients(function, args)
for precision in ("high", "medium"):
    torch.set_float32_matmul_precision(precision)
    assert equal(checks.gradients(function, args), expected)
with autocast():
    print(equal(checks.gradients(function, args), expected))
"""
    assert run_at_level(level, code).strip() == "True"


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


@needs_bf16
def test_bf16_inputs() -> None:
    args, function = tensors("given")
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


@needs_bf16
def test_backward_keeps_the_precision_of_the_forward() -> None:
    args, function = tensors()
    torch.set_float32_matmul_precision("medium")
    expected = torch.autograd.grad(function(*args)[0].sum(), args)
    output = function(*args)[0]
    torch.set_float32_matmul_precision("highest")
    assert equal([*torch.autograd.grad(output.sum(), args)], [*expected])


@needs_bf16
def test_contracts() -> None:
    torch.set_float32_matmul_precision("medium")
    args, function = tensors()
    checks.check_threads(function, args)
    checks.check_func_grad(function, args)
    checks.check_compile(function, args)


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


def test_info_says_which_path_each_precision_takes() -> None:
    info = build_info()
    paths = [info.cpu_matmul_highest, info.cpu_matmul_high, info.cpu_matmul_medium]
    assert paths == PATHS.get(str(info.cpu_level), PATHS["avx512"])
    with pytest.raises(ValueError, match="precision is 3, expected 0, 1 or 2"):
        _C.matmul_path(3)
