"""Layers of an encoder against those of torch.nn: dense_layer, and dropout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.rows import draw_rows, op_rows
from benchmarks.harness.timing import products
from ntm_fast import ops

Rows = Iterator[dict[str, Any]]


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


def dense_layer(threads: int) -> Rows:
    """An encoder's layer, and one with batch norm."""
    shapes = [(200, 100, 100), (200, 800, 800)]  # B, I, O
    for documents, inputs, outputs in shapes + machine.pick([], [(8192, 800, 800)]):
        x = torch.randn(documents, inputs, requires_grad=True)
        weight = (torch.randn(outputs, inputs) / inputs**0.5).requires_grad_()
        bias = torch.randn(outputs, requires_grad=True)
        for extra, ours, eager in (
            ("softplus", softplus_layer, eager_softplus_layer),
            ("batch norm", norm_layer, eager_norm_layer),
        ):
            yield from op_rows(
                "dense_layer",
                [x, weight, bias],
                {"ntm_fast": ours, "torch.nn": eager},
                threads,
                floor=products(6 * documents * inputs * outputs),
                layer=extra,
            )


def dropout(threads: int) -> Rows:
    """Their masks differ; the tests hold ours to the reference's."""
    seed = torch.tensor(1)
    for shape in machine.pick([(200, 100), (4096, 800)], [(200, 100), (4096, 800), (65536, 800)]):
        x, grad = torch.randn(shape, requires_grad=True), torch.randn(shape)

        def fast(x: Tensor = x, grad: Tensor = grad) -> object:
            return torch.autograd.grad(ops.dropout(x, 0.25, seed), x, grad)

        def torchs(x: Tensor = x, grad: Tensor = grad) -> object:
            return torch.autograd.grad(F.dropout(x, 0.25), x, grad)

        yield from draw_rows(
            "dropout", x, {"ntm_fast": fast, "F.dropout": torchs}, threads, arrays=4
        )
