"""A dense layer with batch norm and activation, in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dense_layer(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    activation: str = "none",
    *,
    batch_norm: bool = False,
    shift: Tensor | None = None,
    eps: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`ntm_fast.ops.dense_layer`."""
    z = x if weight is None else F.linear(x, weight)
    if bias is not None:
        z = z + bias
    mean = var = x.new_empty(0)
    if batch_norm:
        mean, var = z.mean(0), z.var(0, correction=0)
        z = (z - mean) * torch.rsqrt(var + eps)
        if shift is not None:
            z = z + shift
    if activation == "softplus":
        z = torch.logaddexp(z, torch.zeros_like(z))
    elif activation == "relu":
        z = z.relu()
    elif activation != "none":
        raise ValueError(f"dense_layer: activation is {activation!r}")
    return z, mean.detach(), var.detach()
