"""Weight of the KL term over a run."""

from __future__ import annotations

from ntm_fast.training.settings import TrainingSettings


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
