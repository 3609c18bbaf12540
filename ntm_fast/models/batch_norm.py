"""Batch normalisation whose running statistics are right from the first step."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ntm_fast.models.backend import Ops


class RunningMoments(nn.Module):
    """Running mean and variance [n] of batch statistics, bias-corrected like Adam's moments.

    Both start at 0 and move by `momentum` per step; evaluation divides them by
    1 − (1 − momentum)^steps. Otherwise, with a momentum of 1e-3, 94.5 % of the initial 0 and 1
    would be left after 57 steps. Before the first step: mean 0, variance 1.
    """

    mean: Tensor
    variance: Tensor
    steps: Tensor

    def __init__(self, n: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.zeros(n))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def update(self, mean: Tensor, variance: Tensor, n_documents: int) -> None:
        """Take in a batch of n_documents > 1: its mean [n] and biased variance [n]."""
        self.mean.lerp_(mean.detach(), self.momentum)
        unbiased = variance.detach() * (n_documents / (n_documents - 1))
        self.variance.lerp_(unbiased, self.momentum)
        self.steps.add_(1)

    def corrected(self) -> tuple[Tensor, Tensor]:
        """(mean [n], variance [n]) to evaluate with."""
        if self.momentum == 1:
            share = (self.steps > 0).to(self.mean)
        else:
            share = -torch.expm1(self.steps.to(torch.float64) * math.log1p(-self.momentum))
            share = share.to(self.mean)
        some = share > 0
        safe = torch.where(some, share, 1)
        mean = torch.where(some, self.mean / safe, 0)
        variance = torch.where(some, self.variance / safe, 1)
        return mean, variance


class BatchNorm(nn.Module):
    """Batch normalisation of [B, n] with a learned shift and no scale.

    Like ``torch.nn.BatchNorm1d`` with its weight frozen at 1, except that the running statistics
    are bias-corrected, and that a batch of one document is normalised by them in training too.
    """

    def __init__(self, n: int, *, momentum: float, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.shift = nn.Parameter(torch.zeros(n))
        self.running = RunningMoments(n, momentum)

    def of_batch(self, x: Tensor) -> bool:
        """Whether x [B, …] is normalised by its own statistics."""
        return self.training and x.shape[0] > 1

    def forward(self, x: Tensor) -> Tensor:
        if self.of_batch(x):
            running = self.running
            running.steps.add_(1)
            return F.batch_norm(
                x, running.mean, running.variance, None, self.shift, True, running.momentum,
                self.eps,
            )  # fmt: skip
        mean, variance = self.running.corrected()
        return F.batch_norm(x, mean, variance, None, self.shift, False, 0.0, self.eps)


def dense(
    ops: Ops, x: Tensor, linear: nn.Module, norm: nn.Module | None, activation: str = "none"
) -> Tensor:
    """activation(norm(linear(x))), in one op where possible."""
    weight, bias = cast(nn.Linear, linear).weight, cast(nn.Linear, linear).bias
    if not isinstance(norm, BatchNorm):
        return ops.dense_layer(x, weight, bias, activation)[0]
    if not norm.of_batch(x):
        y = norm(ops.dense_layer(x, weight, bias)[0])
        return ops.dense_layer(y, None, None, activation)[0]
    y, mean, variance = ops.dense_layer(
        x, weight, bias, activation, batch_norm=True, shift=norm.shift, eps=norm.eps
    )
    norm.running.update(mean, variance, x.shape[0])
    return y


def maybe_batch_norm(n: int, enabled: bool, *, momentum: float, eps: float) -> nn.Module:
    """A BatchNorm of n, or the identity."""
    return BatchNorm(n, momentum=momentum, eps=eps) if enabled else cast(nn.Module, nn.Identity())
