"""Logistic-normal draws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._registration import differentiable, once_differentiable, widen

_op = torch.ops.ntm_fast.logistic_normal_rsample.default
_backward_op = torch.ops.ntm_fast.logistic_normal_rsample_backward.default


def _fake(mean: Tensor, log_variance: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    return mean.new_empty(mean.shape), mean.new_empty(mean.shape)


def _fake_backward(grad: Tensor, theta: Tensor, half_deviation: Tensor) -> tuple[Tensor, Tensor]:
    return theta.new_empty(theta.shape), theta.new_empty(theta.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output)


def _backward(ctx: Any, grad: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return None, None, None
    return *_backward_call(grad, *ctx.saved_tensors), None


_call = differentiable(_op, fake=_fake, setup_context=_setup_context, backward=_backward)
_backward_call = once_differentiable(_backward_op, fake=_fake_backward)


@with_clear_errors
def logistic_normal_rsample(mean: Tensor, log_variance: Tensor, seed: Tensor) -> Tensor:
    """θ = softmax(mean + exp(log_variance / 2) ε), ε ~ N(0, I), over the last dimension.

    In plain PyTorch: ``(mean + (log_variance / 2).exp() * torch.randn_like(mean)).softmax(-1)``.

    A draw depends only on the seed and the element's position: it has the same bits for any number
    of threads, and differs by at most the last bits between devices.

    Parameters
    ----------
    mean, log_variance : Tensor [..., K], float32 or float64 (half types are computed in float32)
    seed : Tensor [], int64
        One per call: noise from the same seed is the same.

    Returns
    -------
    Tensor [..., K], of mean's dtype
        Differentiable to mean and log_variance.

    Raises
    ------
    ValueError
        If shapes or dtypes differ, mean is 0-dimensional or K is 0, or seed is not a 0-dimensional
        int64 tensor.

    Sources: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017,
    section 3.3; normals by Box & Muller, 1958, of Philox-4x32-10 (Salmon et al., 2011).
    """
    if mean.dim() == 0 or mean.shape[-1] == 0:
        shape = list(mean.shape)
        raise ValueError(
            f"logistic_normal_rsample: mean has shape {shape}, expected [..., K], K > 0"
        )
    if log_variance.shape != mean.shape:
        raise ValueError(
            f"logistic_normal_rsample: log_variance has shape {list(log_variance.shape)},"
            f" expected that of mean, {list(mean.shape)}"
        )
    if mean.dim() == 2:
        theta: Tensor = _call(widen(mean), widen(log_variance), seed)[0]
    else:
        rows = (widen(t).reshape(-1, t.shape[-1]) for t in (mean, log_variance))
        theta = _call(*rows, seed)[0].view(mean.shape)
    return theta.to(mean.dtype)
