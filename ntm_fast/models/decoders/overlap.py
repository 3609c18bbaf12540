"""How much topics are alike: the term that keeps them apart in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def topic_overlap(logits: Tensor) -> Tensor:
    """Σ_{j≠k} cos²(l_j, l_k) / K of topics softmax_v(logits [V, K]), 0-dim.

    l_kv = β_kv / √(mean_j β_jv), so that l_j · l_k is Σ_v β_jv β_kv / mean_i β_iv: words that all
    topics share count little, however frequent. 0 for topics without a common word; a topic that
    is there n times over adds n (n − 1) / K.

    It costs O(V K²), three matrix products; the gradient is written out, to pass over [V, K] a
    few times and not dozens. In plain PyTorch::

        beta = logits.softmax(0)
        lift = F.normalize(beta / beta.mean(1, keepdim=True).sqrt(), dim=0)
        ((lift.T @ lift).square().sum() - K) / K

    Source: after Xie, Deng & Xing, "Diversifying Restricted Boltzmann Machine for Document
    Modeling", 2015, who penalise small angles between topics; the lift is ours.
    """
    value: Tensor = _Overlap.apply(logits)  # type: ignore[no-untyped-call]
    return value


class _Overlap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        # torch.softmax over the outer dimension takes longer than all of this.
        beta = (logits - logits.amax(0)).exp_()
        beta.mul_(beta.sum(0).reciprocal_())
        scale = torch.rsqrt(beta.mean(1, keepdim=True).clamp_min_(torch.finfo(beta.dtype).tiny))
        lift = beta * scale
        gram = lift.T @ lift
        n_topics = gram.shape[0]
        inverse_norms = torch.rsqrt(gram.diagonal())
        cosines = gram * inverse_norms * inverse_norms[:, None]
        others = cosines - torch.diag(cosines.diagonal())
        # d / d gram of Σ others² / K, directly and through the norms on its diagonal.
        by_norms = -others.square().sum(1) * inverse_norms.square()
        gradient = others * inverse_norms * inverse_norms[:, None] + torch.diag(by_norms)
        ctx.save_for_backward(beta, scale, lift, gradient * (2 / n_topics))
        return others.square().sum() / n_topics

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        beta, scale, lift, gram_gradient = ctx.saved_tensors
        # d / d lift times lift, less what the mean under it and the softmax's sum take off; in
        # place, for new memory of [V, K] costs more than the arithmetic.
        gradient: Tensor = (lift @ (2 * grad * gram_gradient)).mul_(lift)
        through_mean = gradient.sum(1, keepdim=True).mul_(scale.square()).div_(2 * beta.shape[1])
        gradient.addcmul_(beta, through_mean, value=-1)
        gradient.addcmul_(beta, gradient.sum(0), value=-1)
        return gradient
