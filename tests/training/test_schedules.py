"""What changes over a run: rates, parts trained, the prior, free bits."""

import math

import pytest
import torch

from ntm_fast.data import CorpusTensors
from ntm_fast.data.datasets import synthetic
from ntm_fast.models import TopicModel
from ntm_fast.training import RECIPES, Epoch, Trainer, TrainingSettings
from ntm_fast.training.schedules import kl_weight, learning_rate, overlap_is_due, phases
from tests.training.runs import CORPUS, HELD_OUT, assert_equal, trainer, weights

Parts = dict[str, bool]


def test_kl_weight_is_cyclic() -> None:
    settings = TrainingSettings(kl_schedule="cyclic", warm_up=4, kl_weight=2.0)
    assert [kl_weight(settings, e) for e in (0, 1, 2, 3.9, 4, 5)] == [0, 1, 2, 2, 0, 1]


def test_steps_that_pay_for_the_overlap() -> None:
    def due(steps: int, **options: object) -> list[int]:
        settings = TrainingSettings(**options)  # type: ignore[arg-type]
        places = [(epoch, step) for epoch in range(3) for step in range(steps)]
        return [i for i, place in enumerate(places) if overlap_is_due(settings, *place, steps)]

    assert due(5) == []
    assert due(5, diversity=1) == list(range(15))
    assert due(5, diversity=1, diversity_every=4) == [0, 4, 8, 12]
    # turns of E, E, M: three of them an epoch of eight steps, the last one without its M
    turns = due(8, diversity=1, diversity_every=4, em_steps=(2, 1))
    assert turns == [0, 1, 2, 8 + 3, 8 + 4, 8 + 5, 16 + 6, 16 + 7]


def test_learning_rates() -> None:
    rate = 0.1
    plain = TrainingSettings(learning_rate=rate)
    assert [learning_rate(plain, e) for e in (0, 50)] == [rate, rate]
    options = {"learning_rate": rate, "epochs": 12, "learning_rate_warm_up": 2}
    linear = TrainingSettings(learning_rate_schedule="linear", **options)  # type: ignore[arg-type]
    expected = [0, 0.05, 0.1, 0.05, 0, 0]
    assert [learning_rate(linear, e) for e in (0, 1, 2, 7, 12, 20)] == pytest.approx(expected)
    cosine = TrainingSettings(learning_rate_schedule="cosine", **options)  # type: ignore[arg-type]
    assert learning_rate(cosine, 4.5) == pytest.approx(rate * (1 + math.cos(math.pi / 4)) / 2)
    assert learning_rate(cosine, 12) == pytest.approx(0)


def test_the_optimiser_gets_the_rate() -> None:
    run = trainer(learning_rate_schedule="linear", epochs=4)
    run.fit(CORPUS)
    last = 4 - 1 / 4  # where the last of four epochs' four steps begins
    assert run.run.optimiser.param_groups[0]["lr"] == pytest.approx(2e-3 * (1 - last / 4))


def trained(run: Trainer) -> Parts:
    """Which parts of a model the run changed."""
    before = weights(run)
    run.fit(CORPUS)
    after = weights(run)
    prior = {f"posterior.{name}" for name in run.model.posterior._prior}
    parts: Parts = {}
    for name, parameter in run.model.named_parameters():
        assert parameter.requires_grad, "all parts are as they were after the run"
        part = "prior" if name in prior else name.split(".")[0]
        parts[part] = parts.get(part, False) or not before[name].equal(after[name])
    return parts


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((4, 1), {"encoder": True, "posterior": True, "decoder": False, "prior": False}),
        ((1, 3), {"encoder": True, "posterior": True, "decoder": True, "prior": True}),
        (None, {"encoder": True, "posterior": True, "decoder": True, "prior": True}),
    ],
)
def test_e_and_m_steps(steps: tuple[int, int] | None, expected: Parts) -> None:
    run = trainer("DirichletVAE", em_steps=steps, epochs=1, learned_prior=True, patience=None)
    assert trained(run) == expected  # four steps in all


def test_deferred_steps_follow_the_schedules() -> None:
    """Rows that wait for their words take the steps that they would have taken.

    To the bit in float64, where the steps are taken one by one.
    """
    corpus = synthetic(150, 8000, 4, document_length=20.0)[0]
    states = []
    for optimiser in ("adam", "deferred-adam"):
        recipe = RECIPES["ProdLDA"].changed(
            n_topics=4,
            em_steps=(2, 3),
            learning_rate_schedule="cosine",
            epochs=2,
            batch_size=25,
            optimiser=optimiser,
        )
        torch.manual_seed(0)
        model = TopicModel(corpus.n_words, recipe.model).double()
        run = Trainer(model, recipe.training, seed=1)
        run.fit(corpus)
        states.append(weights(run))
    assert_equal(*states)


def test_m_steps_alone_leave_the_encoder() -> None:
    model = TopicModel(40, RECIPES["ProdLDA"].model)
    with phases(model, TrainingSettings(em_steps=(1, 2))) as enter:
        states = []
        for step in range(4):
            enter(0, step)
            modules = (model.encoder, model.posterior, model.decoder)
            states.append([all(p.requires_grad for p in m.parameters()) for m in modules])
    e_step, m_step = [True, True, False], [False, False, True]
    assert states == [e_step, m_step, m_step, e_step]


def test_the_prior_waits_for_its_burn_in() -> None:
    seen = []

    def look(epoch: Epoch) -> None:
        seen.append(run.model.posterior.log_prior.detach().clone())

    changes = {"learned_prior": True, "prior_burn_in": 2, "epochs": 4, "patience": None}
    run = trainer("LDAVAE", callback=look, **changes)
    run.fit(CORPUS)
    assert seen[0].equal(seen[1])
    assert seen[0].unique().numel() == 1
    assert not seen[1].equal(seen[2])


def test_free_bits_are_free() -> None:
    run = trainer()
    run.fit(CORPUS, HELD_OUT, epochs=1)
    batch, seed = CorpusTensors(CORPUS).batch(torch.arange(20)), torch.tensor(4)
    plain = run.model.loss(batch, seed)
    all_free = run.model.loss(batch, seed, free_bits=1e6)
    assert all_free.kl.item() == plain.kl.item(), "what is reported is the KL itself"
    assert all_free.loss.item() == pytest.approx(1e6 - plain.log_likelihood.item())
    few = run.model.loss(batch, seed, free_bits=1e-9)
    assert few.loss.item() == pytest.approx(plain.loss.item())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"em_steps": (0, 1)}, r"em_steps\[0\] is 0; expected >= 1"),
        ({"em_steps": (1, 1, 1)}, "expected two numbers, E and M"),
        ({"learning_rate_schedule": "step"}, "learning_rate_schedule is 'step'; expected one of"),
        ({"free_bits": -1}, "free_bits is -1; expected >= 0"),
        ({"prior_burn_in": -1}, "prior_burn_in is -1; expected >= 0"),
    ],
)
def test_bad_settings_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**options)  # type: ignore[arg-type]
