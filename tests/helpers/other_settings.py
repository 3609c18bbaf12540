"""A value of each setting of a model that is not the default, and shows where it is used."""

from typing import Any

OTHER: dict[str, Any] = {
    "n_topics": 4,
    "prior": 3.0,
    "hidden": (5,),
    "activation": "relu",
    "inputs": "log1p",
    "encoder_dropout": 0.5,
    "topic_dropout": 0.5,
    "encoder_batch_norm": False,
    "decoder_batch_norm": False,
    "batch_norm_momentum": 0.5,
    "batch_norm_eps": 0.5,
    "concentration_floor": 0.5,
    "concentration_ceiling": 0.6,
    "variance_floor": 9.0,
    "variance_ceiling": 0.1,
    "learned_prior": True,
    "rsvi_boost": 2,
    "rsvi_correction": True,
    "prior_rate": 5.0,
    "shape_floor": 7.0,
    "background": False,
    "topic_batch_norm": True,
    "embedding_size": 6,
    "learned_embeddings": False,
    "refinement": 3,
}
