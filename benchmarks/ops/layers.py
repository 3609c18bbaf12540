"""dense_layer against the layers of torch.nn: an encoder's layer, and one with batch norm."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import device
from benchmarks.floor import products
from benchmarks.rows import op_rows
from ntm_fast import ops

# B, I, O
SHAPES = device.pick(
    [(200, 100, 100), (200, 800, 800)],
    [(200, 100, 100), (200, 800, 800), (8192, 800, 800)],
)


def softplus_layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return ops.dense_layer(x, weight, bias, "softplus")[0]


def eager_softplus_layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.softplus(F.linear(x, weight, bias))


def ramp(output: Tensor) -> Tensor:
    """Weighted by document, since the plain sum of a normalised column has no gradient."""
    return output * torch.linspace(-1, 2, len(output))[:, None]


def norm_layer(x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    return ramp(ops.dense_layer(x, weight, None, batch_norm=True, shift=shift)[0])


def eager_norm_layer(x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    z = F.linear(x, weight)
    return ramp(F.batch_norm(z, None, None, None, shift, training=True, eps=1e-3))


def run(threads: int) -> list[dict[str, Any]]:
    rows = []
    for documents, inputs, outputs in SHAPES:
        x = torch.randn(documents, inputs, requires_grad=True)
        weight = (torch.randn(outputs, inputs) / inputs**0.5).requires_grad_()
        bias = torch.randn(outputs, requires_grad=True)
        for extra, ours, eager in (
            ("softplus", softplus_layer, eager_softplus_layer),
            ("batch norm", norm_layer, eager_norm_layer),
        ):
            subjects = {"ntm_fast": ours, "torch.nn": eager}
            rows += op_rows(
                "dense_layer",
                [x, weight, bias],
                subjects,
                threads,
                floor=products(6 * documents * inputs * outputs),
                layer=extra,
            )
    return rows
