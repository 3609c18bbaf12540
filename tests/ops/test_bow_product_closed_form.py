"""The closed form that the CUDA kernels compute, against the reference's autograd in float64."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ntm_fast import reference
from tests.ops import checks
from tests.ops.product import MODES, call, problem
from tests.ops.strategies import CsrBatch, csr_batches

EPS = 1e-3


def closed_form(
    hidden: Tensor, weight: Tensor, others: list[Tensor], batch: CsrBatch, mode: str, grad: Tensor
) -> list[Tensor]:
    """LL [B] and the gradients of Σ grad·LL to hidden, weight, bias, scale, shift."""
    bias, scale, shift, mean, var = (*others, *(None,) * (5 - len(others)))
    documents, words = hidden.shape[0], weight.shape[0]
    x = torch.zeros(documents, words, dtype=torch.float64)
    rows = torch.arange(documents).repeat_interleave(batch.indptr.diff())
    x.index_put_((rows, batch.indices.long()), batch.counts.double(), accumulate=True)
    zero, one = torch.zeros(words).double(), torch.ones(words).double()
    # z = h W'ᵀ + offset, with h the centred hidden and W' = slope·W
    h, center, inverse_std, slope, shift_ = hidden, zero, one, one, zero
    if mode == "biased":
        center = -bias
    if mode == "given":
        center, inverse_std = mean - bias, (var + EPS).rsqrt()
    if mode == "batch":
        h = hidden - hidden.mean(0)
        covariance = h.T @ h / documents
        inverse_std = ((weight @ covariance * weight).sum(1) + EPS).rsqrt()
    if mode in ("batch", "given"):
        slope, shift_ = inverse_std * scale, shift
    offset = shift_ - center * slope
    scaled = weight * slope[:, None]
    # forward
    z = h @ scaled.T + offset
    lse = z.logsumexp(1)
    p = (z - lse[:, None]).exp()
    total = x.sum(1)
    residual = x @ scaled - total[:, None] * (p @ scaled)
    log_likelihood = (x * (z - lse[:, None])).masked_fill(x == 0, 0).sum(1)
    # backward
    g = grad[:, None] * (x - total[:, None] * p)
    sums = g.sum(0)
    moments = g.T @ h  # [V, K]
    products = inverse_std * ((weight * moments).sum(1) - center * sums)
    grad_weight = slope[:, None] * moments
    grad_hidden = grad[:, None] * residual
    grad_bias = slope * sums
    if mode == "batch":
        grad_bias = zero
        tilt = slope * products * inverse_std  # [V]
        grad_weight = grad_weight - tilt[:, None] * (weight @ covariance)
        gram = weight.T @ (tilt[:, None] * weight) / documents
        grad_hidden = grad_hidden - grad_hidden.mean(0) - h @ gram
    return [log_likelihood, grad_hidden, grad_weight, grad_bias, products, sums]


@given(batch=csr_batches(), topics=st.integers(1, 20), mode=st.sampled_from(MODES))
def test_closed_form(batch: CsrBatch, topics: int, mode: str) -> None:
    args, how = problem(batch, topics, mode)
    expected = checks.gradients(call(reference, **how), args)
    grad = torch.cos(torch.arange(expected[0].numel(), dtype=torch.float64))
    with torch.no_grad():
        found = closed_form(args[0], args[1], args[2:], batch, mode, grad)
    for value, truth in zip(found, expected, strict=False):
        assert checks.relative_error(value, truth, floor=1.0) <= 1e-12
