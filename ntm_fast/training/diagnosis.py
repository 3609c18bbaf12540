"""Where a run stopped being finite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ntm_fast.data import Batch
from ntm_fast.models import TopicModel

PARAMETER, DRAW = "the posterior's", "the draw of theta"


class NotFiniteError(ArithmeticError):
    """A loss, weight or validation ELBO that is NaN or infinite: the run has diverged.

    `checkpoint` is the file that holds the run's last good state, after `epochs` epochs; None if
    there is none. `reason` is the message without it.
    """

    def __init__(self, reason: str, checkpoint: Path | None = None, epochs: int = 0) -> None:
        self.reason, self.checkpoint, self.epochs = reason, checkpoint, epochs
        kept = ""
        if checkpoint is not None:
            kept = (
                f". {checkpoint} keeps the state after epoch {epochs}: resume it with"
                f" epochs={epochs} to get the model as it was then"
            )
        super().__init__(reason + kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.checkpoint, self.epochs)


@torch.no_grad()
def first_not_finite(model: TopicModel, batch: Batch, seed: Tensor) -> str | None:
    """Name of the first tensor, in order of computation, with a NaN or infinite element.

    None if all are finite. A posterior that the ops refuse, though it is finite, counts as not
    finite: only weights that have diverged make one.
    """
    name = ""
    steps = _steps(model, batch, seed)
    while True:
        try:
            name, value = next(steps)
        except StopIteration:
            return None
        except ValueError as error:
            # With the encoder's output known to be finite, what is refused comes of the weights.
            if name == DRAW or name.startswith(PARAMETER):
                return f"what follows {name} ({error})"
            raise
        if not value.isfinite().all():
            return name


def weight_not_finite(model: TopicModel) -> str | None:
    """Name of the first parameter or running statistic with a NaN or infinite element, if any."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            return name
    return None


def _steps(model: TopicModel, batch: Batch, seed: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "the counts", batch.counts
    for name, parameter in model.named_parameters():
        yield f"parameter {name}", parameter
    hidden = model.encoder(batch)
    yield "the encoder's output", hidden
    q = model.posterior(hidden)
    for name, value in zip(model.posterior.names, q, strict=True):
        yield f"{PARAMETER} {name}", value
    theta = model.posterior.sample(q, seed)
    yield DRAW, theta
    yield "the KL divergence", model.posterior.kl(q)
    yield "the log-likelihood", model.decoder(theta, batch)
