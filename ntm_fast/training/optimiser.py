"""The optimiser of a run, as its settings say."""

from __future__ import annotations

from typing import Any

import torch

from ntm_fast.models import TopicModel
from ntm_fast.optim import DTYPES, Adam
from ntm_fast.settings import TrainingSettings


def optimiser_for(model: TopicModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam with the settings' rates: ours on the CPU, torch's fused one elsewhere.

    Raises ValueError for "lazy-adam" elsewhere: torch does not have it for dense gradients.
    """
    options: dict[str, Any] = {
        "lr": settings.learning_rate,
        "betas": settings.betas,
        "weight_decay": settings.weight_decay,
    }
    if all(p.device.type == "cpu" and p.dtype in DTYPES for p in model.parameters()):
        return Adam(model.parameters(), lazy=settings.optimiser == "lazy-adam", **options)
    if settings.optimiser == "lazy-adam":
        raise ValueError(
            f"optimiser is 'lazy-adam' for a model on {model.device}; expected 'adam' or"
            " 'deferred-adam' except for float32 and float64 on the CPU"
        )
    if settings.cuda_graphs:  # a recorded step reads its rate from the device
        options["lr"] = torch.tensor(settings.learning_rate, device=model.device)
        options["capturable"] = True
    return torch.optim.Adam(model.parameters(), fused=True, **options)
