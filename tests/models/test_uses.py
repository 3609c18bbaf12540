"""The settings that posteriors and decoders say they use are those that change the model."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from ntm_fast.data import CorpusTensors
from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.models.decoders import DECODERS
from ntm_fast.models.posteriors import POSTERIORS
from ntm_fast.models.unused import unused
from ntm_fast.settings import MODEL
from tests.helpers.blocks import block_corpus
from tests.helpers.other_settings import OTHER

CORPUS = block_corpus(n_documents=12)
BASE = ModelSettings(n_topics=3, hidden=(4, 4), embedding_size=5, background=True)
FITTING = {"gaussian": "product"}  # what a posterior is tried with, unless it is a mixture
FITTING_POSTERIOR = {"poisson": "weibull"}


def trace(settings: ModelSettings) -> list[Any]:
    """All that a model shows: its parameters, a step's loss and gradients, its evaluation."""
    torch.manual_seed(0)
    model = TopicModel(CORPUS.n_words, settings)
    model.init_background(CORPUS)
    model.train()
    loss = model.loss(CorpusTensors(CORPUS).batch(torch.arange(12)), torch.tensor(3))
    loss.loss.backward()
    shown: list[Any] = [*loss]
    for name, value in model.named_parameters():
        shown += [name, value.grad]
    shown += [*model.state_dict().items()]
    return [*shown, model.topic_codes(CORPUS), model.elbo(CORPUS), model.kl_per_topic(CORPUS)]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(type(one) is type(other) and one == other)


PAIRS = [(posterior, FITTING.get(posterior, "mixture")) for posterior in POSTERIORS]
PAIRS += [(FITTING_POSTERIOR.get(decoder, "logistic-normal"), decoder) for decoder in DECODERS]


@pytest.mark.parametrize(("posterior", "decoder"), dict.fromkeys(PAIRS))
def test_what_is_said_to_be_used_is_used(posterior: str, decoder: str) -> None:
    assert OTHER.keys() == MODEL.keys() - {"posterior", "decoder"}
    usual = replace(BASE, posterior=posterior, decoder=decoder)
    before = trace(usual)
    assert same(before, trace(usual)), "or nothing would be shown"
    idle = set(unused(usual))
    for name, value in OTHER.items():
        changed = replace(usual, **{name: value})
        try:
            shows = not same(before, trace(changed))
        except ValueError as error:
            assert str(error).startswith(f"{name} is")  # noqa: PT017
            shows = False
        assert shows == (name not in idle), name


def test_refinement_uses_the_prior_of_any_posterior() -> None:
    usual = replace(BASE, posterior="gaussian-softmax", decoder="mixture", refinement=3)
    assert "prior" not in unused(usual)
    assert not same(trace(usual), trace(replace(usual, prior=3.0)))
    assert "prior" in unused(replace(usual, refinement=0))
