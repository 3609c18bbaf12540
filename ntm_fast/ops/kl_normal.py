"""KL divergence between diagonal Gaussians."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._registration import differentiable, once_differentiable
from ntm_fast.ops._rows import as_rows, gradients_of_rows

_op = torch.ops.ntm_fast.kl_normal.default
_backward_op = torch.ops.ntm_fast.kl_normal_backward.default


def _fake(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_lv: Tensor) -> Tensor:
    return mean.new_empty(mean.shape[0])


def _fake_backward(grad_kl: Tensor, mean: Tensor, *others: Any) -> tuple[Tensor, ...]:
    rows, topics = mean.shape
    return tuple(mean.new_empty(rows if wanted else 0, topics) for wanted in others[-4:])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad_kl: Tensor) -> tuple[Tensor | None, ...]:
    return gradients_of_rows(ctx, grad_kl, _backward_call)


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


def kl_normal(
    mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor
) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(prior_mean, exp(prior_log_variance))) of each row.

    ½ Σ_k [exp(λ_k − λ'_k) + (μ_k − μ'_k)² exp(−λ'_k) − 1 − (λ_k − λ'_k)], with λ the log variances
    and primes for the prior; in nats, with closed-form gradients to all four arguments. In plain
    PyTorch: ``kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(…)).sum(-1)``.

    Parameters
    ----------
    mean, log_variance : Tensor [..., K], float32 or float64 (half types are computed in float32)
    prior_mean, prior_log_variance : Tensor, broadcast against the posterior's, such as [K]

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If dtypes differ. RuntimeError if the shapes do not broadcast.

    Source: Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    shape, rows = as_rows("kl_normal", "mean", mean, log_variance, prior_mean, prior_log_variance)
    kl: Tensor = _call(*rows)
    return kl if kl.shape == shape else kl.reshape(shape)
