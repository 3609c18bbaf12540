"""Where a loss stopped being finite."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ntm_fast.data import Batch
from ntm_fast.models import TopicModel


class NotFiniteError(ArithmeticError):
    """A loss that is NaN or infinite."""


@torch.no_grad()
def first_not_finite(model: TopicModel, batch: Batch, seed: Tensor) -> str:
    """Name of the first tensor, in order of computation, with a NaN or infinite element."""
    for name, value in _steps(model, batch, seed):
        if not value.isfinite().all():
            return name
    return "the mean over the batch"


def _steps(model: TopicModel, batch: Batch, seed: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "the counts", batch.counts
    for name, parameter in model.named_parameters():
        yield f"parameter {name}", parameter
    hidden = model.encoder(batch)
    yield "the encoder's output", hidden
    q = model.posterior(hidden)
    for name, value in zip(model.posterior.names, q, strict=True):
        yield f"the posterior's {name}", value
    theta = model.posterior.sample(q, seed)
    yield "the draw of theta", theta
    yield "the KL divergence", model.posterior.kl(q)
    yield "the log-likelihood", model.decoder(theta, batch)
