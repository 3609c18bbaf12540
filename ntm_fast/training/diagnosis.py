"""The step and the tensor where a run stopped being finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, Subset
from ntm_fast.models import TopicModel
from ntm_fast.models.topic_model import evaluating, in_chunks
from ntm_fast.training.state import Run

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
def first_not_finite(model: TopicModel, batch: Bags, seed: Tensor) -> str | None:
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
            # The encoder's output is finite here: the refused values come from the weights.
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


def diverged(run: Run, what: str) -> NotFiniteError:
    """The error to raise when a run has diverged; the run notes the reason."""
    run.diverged = what
    advice = f"A lower learning_rate may help (it is {run.settings.learning_rate})"
    path, epoch = (None, 0) if run.saved is None else run.saved
    return NotFiniteError(f"{what}. {advice}", path, epoch)


def loss_diverged(run: Run, step: int, batch: Bags, seed: Tensor) -> NotFiniteError:
    """The error for a loss that is not finite, at a step of the epoch, from 0."""
    name = first_not_finite(run.model, batch, seed) or "the mean over the batch"
    place = f"epoch {run.state.epoch + 1}, step {step + 1}"
    return diverged(run, f"the loss is not finite at {place}: first in {name}")


def check_weights(run: Run) -> None:
    """Raise NotFiniteError for a weight that is not finite."""
    name = weight_not_finite(run.model)
    if name is not None:
        place = f"epoch {run.state.epoch + 1}, step {run.state.step}"
        raise diverged(run, f"{name} is not finite after {place}")


def validation_elbo(run: Run, documents: Corpus | Subset) -> float:
    """Mean ELBO of documents, by one draw each; NotFiniteError if it is not finite."""
    refused: ValueError | None = None
    try:
        score = float(run.model.elbo(documents, seed=0).double().mean())
    except ValueError as error:
        score, refused = math.nan, error
    if math.isfinite(score):
        return score
    name = None
    with evaluating(run.model), torch.no_grad():
        for batch, _ in in_chunks(documents, run.model.device, run.model.decoder.ops):
            name = name or first_not_finite(run.model, batch, torch.tensor(0))
    if refused is not None and name is None:
        raise refused
    raise diverged(
        run,
        f"the validation ELBO is not finite after epoch {run.state.epoch + 1}: first in"
        f" {name or 'the mean over the documents'}",
    ) from refused


def _steps(model: TopicModel, batch: Bags, seed: Tensor) -> Iterator[tuple[str, Tensor]]:
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
