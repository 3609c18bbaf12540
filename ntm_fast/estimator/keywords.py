"""The settings as keywords; scripts/generate_settings.py writes this file."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal


@dataclass(eq=False, repr=False)
class Keywords:
    """All settings: None for the recipe's value, "none" for one that has none."""

    n_topics: int = 50
    _: KW_ONLY
    prior: float | None = None
    hidden: tuple[int, ...] | None = None
    activation: str | None = None
    inputs: str | None = None
    encoder_dropout: float | None = None
    topic_dropout: float | None = None
    encoder_batch_norm: bool | None = None
    decoder_batch_norm: bool | None = None
    batch_norm_momentum: float | None = None
    batch_norm_eps: float | None = None
    concentration_floor: float | None = None
    concentration_ceiling: float | None = None
    variance_floor: float | Literal["none"] | None = None
    variance_ceiling: float | Literal["none"] | None = None
    learned_prior: bool | None = None
    rsvi_boost: int | None = None
    rsvi_correction: bool | None = None
    prior_rate: float | None = None
    shape_floor: float | None = None
    background: bool | Literal["none"] | None = None
    topic_batch_norm: bool | None = None
    embedding_size: int | None = None
    learned_embeddings: bool | None = None
    refinement: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    n_samples: int | None = None
    em_steps: tuple[int, int] | Literal["none"] | None = None
    optimiser: str | None = None
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None
    weight_decay: float | None = None
    learning_rate_schedule: str | None = None
    learning_rate_warm_up: int | None = None
    kl_weight: float | None = None
    kl_schedule: str | None = None
    warm_up: int | None = None
    free_bits: float | None = None
    diversity: float | None = None
    diversity_every: int | None = None
    prior_burn_in: int | None = None
    validation_fraction: float | None = None
    patience: int | Literal["none"] | None = None
    precision: str | None = None
    autocast: bool | None = None
    cuda_graphs: bool | None = None
