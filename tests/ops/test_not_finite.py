"""NaN and infinity travel as in the reference: to the same places, forward and backward."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import ops, reference
from tests.ops import checks
from tests.ops.csr_checks import random_batch
from tests.ops.test_bow_product_log_likelihood import MODES, call, fixed_batch, problem

pytestmark = pytest.mark.cpu
BAD = [math.nan, math.inf, -math.inf]


def ops_and_inputs(name: str) -> tuple[Callable[..., Any], Callable[..., Any], list[Any]]:
    """The op, its reference and small inputs."""
    if name.startswith("product"):
        args, how = problem(fixed_batch(6, 20, 4), 3, name.split()[1])
        return call(ops, **how), call(reference, **how), args
    batch = random_batch(6, 4, 20)
    logits, mean = (torch.randn(s, dtype=torch.float64) for s in ((20, 3), (6, 3)))
    args = {
        "bow_mixture_log_likelihood": [mean.softmax(-1), logits, *batch[:3]],
        "bow_linear": [logits, *batch[:3]],
        "kl_normal": [mean, mean.sin(), mean[0], mean[1]],
        "kl_dirichlet": [mean.exp(), mean[0].exp()],
        "kl_weibull_gamma": [mean.exp(), mean.cos().exp(), mean[0].exp(), mean[1].exp()],
        "kl_gamma": [mean.exp(), mean.cos().exp(), mean[0].exp(), mean[1].exp()],
        "topic_overlap": [logits],
    }[name]
    floats = [
        x.clone().requires_grad_() if x.dim() and x is not batch[2] and x.is_floating_point() else x
        for x in args
    ]
    return getattr(ops, name), getattr(reference, name), floats


NAMES = [f"product {mode}" for mode in MODES]
NAMES += ["bow_mixture_log_likelihood", "bow_linear", "kl_normal", "kl_dirichlet", "kl_gamma"]
NAMES += ["kl_weibull_gamma", "topic_overlap"]


def finite(function: Callable[..., Any], args: list[Any], upstream: float = 1.0) -> list[Tensor]:
    """Which elements of the value and of the gradients are finite, for one upstream gradient."""
    leaves = [x.detach().clone().requires_grad_(x.requires_grad) for x in args]
    output = checks.first(function(*leaves))
    gradient = torch.ones_like(output)
    gradient.view(-1)[output.numel() // 2] = upstream
    wanted = [x for x in leaves if x.requires_grad]
    results = [output.detach(), *torch.autograd.grad(output, wanted, gradient)]
    return [x.isfinite() for x in results]


def refused(name: str, place: int, bad: float) -> bool:
    """What the docstrings say raises, or has no meaning: shapes and rates that are not positive."""
    if name == "bow_mixture_log_likelihood":
        return place == 0 and bad == -math.inf  # a proportion
    return name in ("kl_dirichlet", "kl_gamma", "kl_weibull_gamma") and bad != math.inf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_are_not_finite(name: str, dtype: torch.dtype) -> None:
    op, twin, inputs = ops_and_inputs(name)
    for place, value in enumerate(inputs):
        if not value.requires_grad:
            continue
        for bad in BAD:
            args = checks.to_dtype(inputs, dtype)
            with torch.no_grad():
                args[place] = args[place].clone()
                args[place].view(-1)[value.numel() // 2] = bad
            args[place].requires_grad_()
            if refused(name, place, bad):
                if name.startswith("kl"):
                    with pytest.raises(ValueError, match="expected > 0"):
                        op(*args)
                continue
            for ours, truth in zip(finite(op, args), finite(twin, args), strict=True):
                assert torch.equal(ours, truth), f"input {place} {bad}"


@pytest.mark.parametrize("upstream", BAD)
@pytest.mark.parametrize("name", NAMES)
def test_upstream_gradients_that_are_not_finite(name: str, upstream: float) -> None:
    op, twin, inputs = ops_and_inputs(name)
    args = checks.to_dtype(inputs, torch.float32)
    pairs = zip(finite(op, args, upstream), finite(twin, args, upstream), strict=True)
    for ours, truth in pairs:
        assert torch.equal(ours, truth)
