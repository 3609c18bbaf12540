"""In float32 an op errs no more than plain PyTorch does: root mean square over many elements.

Errors are against float64 on the same float32 inputs, in units of the largest element of the value
or gradient in question. What both round alike leaves ratios near 1, on either side: 1.15 is allowed
for them (1.25 with given statistics, whose mean and bias the product rounds into one number), and
for the largest error, which luck decides, 2.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.csr_checks import random_batch
from tests.ops.test_bow_product_log_likelihood import MODES, call, fixed_batch, problem

pytestmark = pytest.mark.cpu
Case = tuple[Callable[..., Any], Callable[..., Any], list[Any]]
RMS, RMS_GIVEN, LARGEST = 1.15, 1.25, 2.0


def draws(*shapes: tuple[int, ...], spread: float) -> list[Tensor]:
    return [(torch.randn(s, dtype=torch.float64) * spread).requires_grad_() for s in shapes]


def positive(*shapes: tuple[int, ...], spread: float) -> list[Tensor]:
    return [x.detach().exp().requires_grad_() for x in draws(*shapes, spread=spread)]


def product(mode: str) -> Iterator[Case]:
    for documents, words, topics, spread in [
        *[(200, 700, 50, 1.0), (64, 1000, 20, 3.0), (50, 400, 10, 10.0)],
        *[(7, 90, 5, 1.0)] * 8,
    ]:
        args, how = problem(fixed_batch(documents, words, 30), topics, mode, spread)
        if mode == "batch":  # of which the bias is no part: its gradient is 0
            args[2] = args[2].detach()
        yield call(ops, **how), call(reference, **how), args


def mixture() -> Iterator[Case]:
    both = ops.bow_mixture_log_likelihood, reference.bow_mixture_log_likelihood
    for spread in (0.1, 1.0, 5.0):
        for documents, words, topics in [(200, 700, 50), *[(7, 90, 5)] * 8]:
            theta, logits = draws((documents, topics), (words, topics), spread=spread)
            theta = theta.detach().softmax(-1).requires_grad_()
            yield *both, [theta, logits, *random_batch(documents, 30, words)[:3]]


def linear() -> Iterator[Case]:
    for documents, words, features, length in [(200, 700, 50, 30), (100, 3000, 100, 200)] * 2:
        indptr, indices, counts, _ = random_batch(documents, length, words)
        weight = draws((words, features), spread=1.0)
        args = [*weight, indptr, indices, counts.requires_grad_()]
        yield ops.bow_linear, reference.bow_linear, args


def kl(name: str) -> Iterator[Case]:
    draw = draws if name == "kl_normal" else positive
    for spread in (0.1, 0.5, 1.0, 3.0):
        shape = (500, 30)
        args = draw(*[shape] * (2 if name == "kl_dirichlet" else 4), spread=spread)
        if name == "kl_weibull_gamma":  # below, Γ(1 + 1/k) overflows
            args[0] = args[0].detach().clamp_min(0.1).requires_grad_()
        yield getattr(ops, name), getattr(reference, name), args


def overlap() -> Iterator[Case]:
    for spread in (0.1, 1.0, 3.0):
        for words, topics in [(700, 50), *[(300, 20)] * 8]:
            yield (
                ops.topic_overlap,
                reference.topic_overlap,
                draws((words, topics), spread=spread),
            )


CASES: dict[str, Callable[[], Iterator[Case]]] = {
    **{f"product, {mode}": lambda mode=mode: product(mode) for mode in MODES},
    "mixture": mixture,
    "linear": linear,
    "overlap": overlap,
    **{n: lambda n=n: kl(n) for n in ("kl_normal", "kl_dirichlet", "kl_gamma", "kl_weibull_gamma")},
}


def errors(values: list[Tensor], truths: list[Tensor]) -> list[Tensor]:
    """Of each tensor, every element's, over the largest element there is."""
    return [
        ((value.double() - truth) / truth.abs().max()).flatten()
        for value, truth in zip(values, truths, strict=True)
    ]


@pytest.mark.parametrize("name", CASES)
def test_float32_errs_no_more_than_plain_pytorch(name: str) -> None:
    fast: list[list[Tensor]] = []
    plain: list[list[Tensor]] = []
    for op, twin, args in CASES[name]():
        single = checks.to_dtype(args, torch.float32)
        truths = checks.gradients(twin, checks.to_dtype(single, torch.float64))
        fast.append(errors(checks.gradients(op, single), truths))
        plain.append(errors(checks.gradients(twin, single), truths))
    for place in range(len(fast[0])):  # the value, then the gradient to each input
        ours, theirs = (torch.cat([case[place] for case in side]) for side in (fast, plain))
        rms = [float(x.square().mean().sqrt()) for x in (ours, theirs)]
        allowed = RMS_GIVEN if name == "product, given" else RMS
        assert rms[0] <= allowed * rms[1], f"output {place}"
        assert float(ours.abs().max()) <= LARGEST * float(theirs.abs().max()), f"output {place}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_of_draws_errs_less_than_pytorch(dtype: torch.dtype) -> None:
    """torch's takes x; at the draws that x holds as a normal number both are asked the same."""
    alpha = torch.logspace(-2, 3, 4000, dtype=dtype)
    x = ops.log_gamma_rsample(alpha, torch.tensor(3)).exp()
    alpha, x = (t[x > torch.finfo(dtype).tiny] for t in (alpha, x))
    log_x = x.log()
    truth = reference.gamma_implicit_gradient(alpha.double(), x.double().log())
    ours = ops.gamma_implicit_gradient(alpha, log_x).double() / truth - 1
    theirs = torch._standard_gamma_grad(alpha, x).double() / (x.double() * truth) - 1
    for measure in (lambda e: e.square().mean().sqrt(), lambda e: e.abs().max()):
        assert float(measure(ours)) <= float(measure(theirs))
