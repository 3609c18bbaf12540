"""bow_product_log_likelihood at each precision of matrix products, on each device."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.test_bow_product_log_likelihood import MODES, call, fixed_batch, problem

# documents, words, topics; the last two have many tiles of words, and of documents
SHAPES = [(70, 300, 33), (40, 90, 70), (130, 61, 16), (9, 70, 200), (20, 1400, 64), (650, 40, 90)]
SPREAD = 0.5  # with larger logits a few words make the error, and either may round the lucky way


@pytest.fixture(autouse=True)
def precision_restored() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


def errors(function: Any, truths: list[Any], args: list[Any]) -> list[float]:
    """‖value − truth‖ / ‖truth‖ of the output and of each gradient."""
    values = checks.gradients(function, args)
    return [
        float((x.double() - truth).norm() / truth.norm().clamp_min(1.0))
        for x, truth in zip(values, truths, strict=True)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_medium_errs_no_more_than_pytorch_in_bfloat16(mode: str, device: str) -> None:
    fast, plain = [], []
    for documents, words, topics in SHAPES:
        args, how = problem(fixed_batch(documents, words, 20), topics, mode, SPREAD)
        truths = checks.gradients(call(reference, **how), args)
        single = checks.to_dtype(args, torch.float32)
        torch.set_float32_matmul_precision("medium")
        fast.append(errors(call(ops, **how), truths, single))
        with torch.autocast("cuda" if device == "cuda" else "cpu", dtype=torch.bfloat16):
            plain.append(errors(call(reference, **how), truths, single))
    # Over all shapes together: on few numbers either may round the lucky way.
    ours, theirs = torch.tensor(fast).norm(dim=0), torch.tensor(plain).norm(dim=0)
    assert (ours <= theirs).all(), (ours, theirs)


@pytest.mark.parametrize("mode", MODES)
def test_high_is_close_to_float32(mode: str) -> None:
    torch.set_float32_matmul_precision("high")
    for documents, words, topics in SHAPES:
        args, how = problem(fixed_batch(documents, words, 20), topics, mode, SPREAD)
        truths = checks.gradients(call(reference, **how), args)
        single = checks.to_dtype(args, torch.float32)
        assert max(errors(call(ops, **how), truths, single)) <= 2e-5, topics


def tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTM_FAST_TF32", "1")
    torch.set_float32_matmul_precision("high")


@pytest.mark.gpu
@pytest.mark.parametrize("mode", MODES)
def test_tf32_errs_an_eighth_of_bfloat16(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has three bits more. Three products of bfloat16 would err less than a hundredth."""
    ours, bfloat16 = [], []
    for documents, words, topics in SHAPES:
        args, how = problem(fixed_batch(documents, words, 20), topics, mode, SPREAD)
        truths = checks.gradients(call(reference, **how), args)
        single = checks.to_dtype(args, torch.float32)
        torch.set_float32_matmul_precision("medium")
        bfloat16.append(errors(call(ops, **how), truths, single))
        tf32(monkeypatch)
        ours.append(errors(call(ops, **how), truths, single))
    ratio = torch.tensor(ours).norm(dim=0) / torch.tensor(bfloat16).norm(dim=0)
    if mode == "batch":
        ratio = ratio[[0, 1, 2, 4, 5]]  # the gradient of the bias is 0
    assert (ratio >= 1 / 16).all(), ratio
    assert (ratio <= 1 / 4).all(), ratio


@pytest.mark.gpu
def test_tf32_errs_no_more_than_its_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both operands of a logit are rounded by 2⁻¹¹ at most; so none errs by more than twice that
    of Σ_k |h_k W_vk|, nor does the log sum exp."""
    tf32(monkeypatch)
    for documents, words, topics in SHAPES:
        args, how = problem(fixed_batch(documents, words, 20), topics, "plain")
        hidden, weight = single = checks.to_dtype(args, torch.float32)
        truth = call(reference, **how)(hidden.double(), weight.double())[0]
        error = (call(ops, **how)(*single)[0].double() - truth).abs()
        indptr, _, counts, _ = how["batch"]
        totals = torch.stack([counts[i:j].sum() for i, j in indptr.unfold(0, 2, 1).tolist()])
        largest = (hidden.abs() @ weight.abs().T).amax(1)
        assert (error <= 1.01 * 2**-10 * totals * largest).all()
