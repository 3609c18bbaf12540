"""What changes over a run: the KL term's weight, the learning rate, which parts are trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.optim import Optimizer

from ntm_fast.models import TopicModel
from ntm_fast.settings import TrainingSettings


def kl_weight(settings: TrainingSettings, epochs: float) -> float:
    """Weight after `epochs` (fractions count) of training.

    Source: Bowman et al., "Generating Sentences from a Continuous Space", 2016 (linear); Fu et
    al., "Cyclical Annealing Schedule", 2019 (cyclic, with half of each cycle at full weight).
    """
    if settings.kl_schedule == "constant" or settings.warm_up == 0:
        return settings.kl_weight
    if settings.kl_schedule == "linear":
        return settings.kl_weight * min(1.0, epochs / settings.warm_up)
    within = (epochs / settings.warm_up) % 1.0
    return settings.kl_weight * min(1.0, 2 * within)


def overlap_is_due(settings: TrainingSettings, epoch: int, step: int, steps: int) -> bool:
    """Whether the penalty for overlapping topics applies, at a step of an epoch of `steps`.

    E- and M-steps count together, so that it also applies to steps of the decoder.

    Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020,
    section 3.1 (lazy regularisation).
    """
    turn = sum(settings.em_steps or (1,))
    turns = epoch * -(-steps // turn) + step // turn
    return settings.diversity > 0 and turns % settings.diversity_every == 0


def final_kl_weight(settings: TrainingSettings, epoch: int) -> float:
    """Weight at the end of an epoch, counted from 1: before a new cycle begins."""
    cyclic = settings.kl_schedule == "cyclic" and settings.warm_up > 0
    if cyclic and epoch % settings.warm_up == 0:
        return settings.kl_weight
    return kl_weight(settings, epoch)


def learning_rate(settings: TrainingSettings, epochs: float) -> float:
    """Adam's learning rate after `epochs` (fractions count) of training.

    Source: Loshchilov & Hutter, "SGDR", 2017 (cosine, without restarts).
    """
    rate, warm_up = settings.learning_rate, settings.learning_rate_warm_up
    if epochs < warm_up:
        return rate * epochs / warm_up
    if settings.learning_rate_schedule == "constant":
        return rate
    done = min(1.0, (epochs - warm_up) / max(1, settings.epochs - warm_up))
    left = (
        1 - done
        if settings.learning_rate_schedule == "linear"
        else math.cos(math.pi * done / 2) ** 2
    )
    return rate * left


def set_learning_rate(optimiser: Optimizer, settings: TrainingSettings, epochs: float) -> None:
    """Give the optimiser its rate for the step that is `epochs` into the run."""
    if settings.learning_rate_schedule != "constant" or settings.learning_rate_warm_up:
        rate = learning_rate(settings, epochs)
        for group in optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


@contextmanager
def phases(model: TopicModel, settings: TrainingSettings) -> Iterator[Callable[[int, int], None]]:
    """Within the block, calling `enter(epoch, step)` leaves trainable what that step trains.

    With `em_steps`, encoder and posterior in E-steps, decoder and prior in M-steps; a learned
    prior only after its burn-in. `step` counts from the start of the epoch.
    """
    if settings.em_steps is None and not settings.prior_burn_in:
        yield lambda epoch, step: None
        return
    prior = model.posterior.prior_parameters()
    fixed = {id(p) for p in (*prior, *(p for p in model.parameters() if not p.requires_grad))}

    def others(*modules: nn.Module) -> list[nn.Parameter]:
        return [p for module in modules for p in module.parameters() if id(p) not in fixed]

    inference, generation = others(model.encoder, model.posterior), others(model.decoder)

    def enter(epoch: int, step: int) -> None:
        e_step = m_step = True
        if settings.em_steps is not None:
            e_step = step % sum(settings.em_steps) < settings.em_steps[0]
            m_step = not e_step
        burnt_in = epoch >= settings.prior_burn_in
        for part, trained in (
            (inference, e_step),
            (generation, m_step),
            (prior, m_step and burnt_in),
        ):
            for parameter in part:
                parameter.requires_grad_(trained)

    try:
        yield enter
    finally:
        for parameter in (*inference, *generation, *prior):
            parameter.requires_grad_(True)
