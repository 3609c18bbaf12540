"""The penalty on overlapping topics: the topics it applies to, and the steps that compute it."""

from typing import Any

import pytest
import torch

from ntm_fast import ops, reference
from ntm_fast.models import Loss, ModelSettings
from ntm_fast.models.decoders import DECODERS
from ntm_fast.training.schedules import kl_weight
from tests.helpers.blocks import block_corpus


@pytest.mark.parametrize("name", list(DECODERS))
def test_every_decoder_has_it(name: str) -> None:
    torch.manual_seed(0)
    settings = ModelSettings(n_topics=3, decoder=name, embedding_size=5)
    decoder = DECODERS[name](40, settings, ops)
    expected = reference.topic_overlap(decoder.topic_weights().T.log())
    torch.testing.assert_close(decoder.overlap(), expected)
    torch.testing.assert_close(decoder.overlap(decoder.topic_matrix()), expected)
    decoder.overlap().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_it_is_paid_for_every_so_many_steps() -> None:
    from tests.training.runs import CORPUS, trainer

    run = trainer("LDAVAE", epochs=3, diversity=0.5, diversity_every=3)
    weights: list[float] = []
    loss = run.model.loss

    def noted(*args: Any, **keywords: Any) -> Loss:
        weights.append(float(args[5]))
        return loss(*args, **keywords)

    run.model.loss = noted  # type: ignore[method-assign]
    run.fit(CORPUS)
    full = [1.5 * kl_weight(run.settings, i / 4) for i in range(12)]
    assert weights == pytest.approx([w if i % 3 == 0 else 0 for i, w in enumerate(full)])


def test_it_is_turned_up_with_the_kl_term() -> None:
    from ntm_fast.data import CorpusTensors
    from ntm_fast.models import TopicModel
    from ntm_fast.training import Trainer, TrainingSettings

    torch.manual_seed(0)
    model = TopicModel(40, ModelSettings(n_topics=3)).eval()
    batch = CorpusTensors(block_corpus(n_documents=12)).batch(torch.arange(12))
    seed = torch.tensor(1)
    without, with_it = (
        Trainer(model, TrainingSettings(kl_weight=4.0, diversity=d), seed=0).loss(batch, seed, 2.0)
        for d in (0.0, 6.0)
    )
    torch.testing.assert_close(with_it.loss - without.loss, 3 * model.decoder.overlap())


def test_it_costs_what_it_is_weighted_with() -> None:
    from ntm_fast.data import CorpusTensors
    from ntm_fast.models import TopicModel

    torch.manual_seed(0)
    model = TopicModel(40, ModelSettings(n_topics=3))
    batch = CorpusTensors(block_corpus(n_documents=12)).batch(torch.arange(12))
    seed = torch.tensor(1)
    without, with_it = (model.eval().loss(batch, seed, diversity=w) for w in (0.0, 2.0))
    torch.testing.assert_close(with_it.loss - without.loss, 2 * model.decoder.overlap())
    assert with_it.log_likelihood == without.log_likelihood
