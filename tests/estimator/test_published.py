"""The papers' recipes: the values that their authors' code has, and weights as they begin there."""

import math
from typing import Any

import numpy as np
import pytest
import torch

import ntm_fast
from ntm_fast import PublishedDirichletVAE, PublishedNVLDA, PublishedProdLDA
from ntm_fast.training import RECIPES, Trainer
from tests.estimator.common import CORPUS

PRODLDA: dict[str, Any] = {
    "posterior": "logistic-normal", "decoder": "product", "prior": 1, "hidden": (100, 100),
    "activation": "softplus", "inputs": "counts", "encoder_dropout": 0.6, "topic_dropout": 0.6,
    "batch_norm_momentum": 1e-3, "batch_norm_eps": 1e-3, "learning_rate": 2e-3,
    "betas": (0.99, 0.999), "batch_size": 200, "epochs": 100, "validation_fraction": 0,
    "patience": None,
    "kl_schedule": "constant", "kl_weight": 1, "diversity": 0, "refinement": 0,
}  # fmt: skip
NVLDA = PRODLDA | {
    "decoder": "mixture", "background": False, "encoder_dropout": 0.25, "topic_dropout": 0.25,
    "learning_rate": 5e-3, "epochs": 300,
}  # fmt: skip
DIRICHLET_VAE: dict[str, Any] = {
    "posterior": "dirichlet-rsvi", "rsvi_boost": 10, "rsvi_correction": False, "decoder": "product",
    "prior": 0.01, "hidden": (100,), "activation": "relu", "inputs": "counts",
    "encoder_dropout": 0.25, "topic_dropout": 0, "concentration_floor": 1e-5,
    "batch_norm_momentum": 1e-3, "batch_norm_eps": 1e-3, "learning_rate": 1e-3,
    "betas": (0.9, 0.999), "batch_size": 200, "kl_schedule": "linear", "warm_up": 100,
    "validation_fraction": 0.1, "patience": 30, "diversity": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("PublishedProdLDA", PRODLDA),
        ("PublishedNVLDA", NVLDA),
        ("PublishedDirichletVAE", DIRICHLET_VAE),
    ],
)
def test_values(name: str, values: dict[str, Any]) -> None:
    recipe = RECIPES[name]
    for field, value in values.items():
        part = recipe.model if hasattr(recipe.model, field) else recipe.training
        assert getattr(part, field) == value, field


@pytest.mark.parametrize("kind", [PublishedProdLDA, PublishedNVLDA, PublishedDirichletVAE])
def test_weights_begin_as_in_the_authors_code(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "fit", lambda *_, **__: [])
    fitted = kind(10, random_state=3).fit(CORPUS)
    model = fitted.model_
    if model.decoder.shift is not None:
        assert not model.decoder.shift.any()
    assert (kind is PublishedNVLDA) == (model.decoder.shift is None)
    again = kind(10, random_state=3).fit(CORPUS).model_
    assert all(v.equal(again.state_dict()[n]) for n, v in model.state_dict().items())
    other = kind(10, random_state=4).fit(CORPUS).model_
    assert not other.encoder.weight.equal(model.encoder.weight)
    weight = model.encoder.weight
    if kind is PublishedDirichletVAE:
        for value in (weight, model.posterior.head.weight, model.decoder.weight):
            assert value.abs().max() <= 0.02
            # The deviation of a normal law cut at two of its own.
            assert float(value.detach().std()) == pytest.approx(0.0088, rel=0.1)
        return
    topics = model.decoder.weight if kind is PublishedProdLDA else model.decoder.topic_logits
    heads = model.posterior.heads.weight.chunk(2)
    shapes = ((weight, 140), (model.encoder.layers[0].weight, 200), (topics, 50))
    for value, fan in (*shapes, *((head, 110) for head in heads)):
        bound = math.sqrt(6 / fan)
        assert bound * 0.95 < value.abs().max() <= bound
        assert float(value.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)
    assert not model.encoder.bias.any()
    assert not model.posterior.heads.bias.any()


@pytest.mark.parametrize("kind", [PublishedProdLDA, PublishedNVLDA, PublishedDirichletVAE])
def test_they_train(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more: 300 documents give two steps per epoch, too few for the topics to differ."""
    sizes = []
    loss = Trainer.loss

    def noted(self: Trainer, batch: Any, *rest: Any) -> Any:
        sizes.append(batch.indptr.numel() - 1)
        return loss(self, batch, *rest)

    monkeypatch.setattr(Trainer, "loss", noted)
    model = kind(4, epochs=30, random_state=0).fit(CORPUS)
    assert max(sizes) == 200  # as published, however few steps that leaves
    elbos = [epoch.elbo for epoch in model.history_]
    assert np.mean(elbos[-5:]) > np.mean(elbos[:5])
    assert torch.from_numpy(model.transform(CORPUS)).isfinite().all()


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("Published")])
def test_docstrings_name_their_source_and_what_differs(name: str) -> None:
    text = getattr(ntm_fast, name).__doc__
    assert "github.com/" in text
    assert "What differs:" in text
    ours = getattr(ntm_fast, name.removeprefix("Published")).__doc__
    assert f"differs from the paper's, which is :class:`{name}`" in " ".join(ours.split())
