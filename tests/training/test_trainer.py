import math
import re
from pathlib import Path

import pytest
import torch

from ntm_fast import build_info
from ntm_fast.data import Corpus
from ntm_fast.training import RECIPES, Epoch, NotFiniteError, TrainingSettings
from ntm_fast.training.schedules import kl_weight
from tests.training.runs import CORPUS, HELD_OUT, Weights, assert_equal, trainer, weights


@pytest.mark.parametrize("name", list(RECIPES))
def test_two_runs_give_the_same_bits(name: str) -> None:
    runs = []
    for _ in range(2):
        run = trainer(name)
        run.fit(CORPUS, HELD_OUT)
        runs.append(weights(run))
        torch.rand(3)  # the global generator plays no part
    assert_equal(*runs)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    """Every product of a step is made by kernels whose sums do not depend on the threads."""
    before = torch.get_num_threads()
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            run = trainer(hidden=(64, 64), batch_size=120)
            run.fit(CORPUS)
            runs.append(weights(run))
    finally:
        torch.set_num_threads(before)
    assert_equal(*runs)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_elbo_rises_and_is_recorded(name: str) -> None:
    seen: list[Epoch] = []
    changes = {"epochs": 15, "learning_rate": 0.01, "kl_schedule": "constant", "patience": None}
    run = trainer(name, callback=seen.append, **changes)
    history = run.fit(CORPUS, HELD_OUT)
    assert seen == history
    assert [epoch.epoch for epoch in history] == list(range(1, 16))
    assert history[-1].elbo > history[0].elbo
    assert history[-1].validation_elbo > history[0].validation_elbo
    assert all(e.elbo == pytest.approx(e.log_likelihood - e.kl) for e in history)
    assert all(e.documents_per_second > 0 for e in history)


def test_best_weights_are_restored() -> None:
    kept: list[Weights] = []
    run = trainer(epochs=6, callback=lambda epoch: kept.append(weights(run)))
    history = run.fit(CORPUS, HELD_OUT)
    best = max(range(6), key=lambda e: history[e].validation_elbo)
    assert run.state.best_epoch == best + 1
    assert_equal(weights(run), kept[best])


def test_patience_stops_a_run_that_gets_worse() -> None:
    run = trainer(epochs=200, patience=3, learning_rate=0.05, topic_dropout=0.0)
    history = run.fit(CORPUS[:40], HELD_OUT)
    assert run.state.best_epoch is not None
    assert len(history) == run.state.best_epoch + 3 < 200


def test_warm_up_is_over_before_epochs_are_compared() -> None:
    run = trainer(epochs=6, kl_schedule="linear", warm_up=4)
    run.fit(CORPUS, HELD_OUT)
    assert run.state.best_epoch >= 4


@pytest.mark.parametrize("cycle", [1, 2])
def test_epochs_that_end_a_cycle_are_compared(cycle: int) -> None:
    run = trainer(epochs=4, kl_schedule="cyclic", warm_up=cycle)
    history = run.fit(CORPUS, HELD_OUT)
    assert [epoch.kl_weight for epoch in history] == [1.0] * 4
    best = max(range(4), key=lambda e: history[e].validation_elbo)
    assert run.state.best_epoch == best + 1


def test_a_caller_that_wants_no_gradients_can_train() -> None:
    runs = [trainer(epochs=1), trainer(epochs=1)]
    runs[0].fit(CORPUS)
    with torch.no_grad():
        runs[1].fit(CORPUS)
        assert not torch.is_grad_enabled()
    assert_equal(*(weights(run) for run in runs))


def test_a_callback_can_stop() -> None:
    run = trainer(callback=lambda epoch: epoch.epoch == 2)
    assert len(run.fit(CORPUS)) == 2


@pytest.mark.parametrize("n_documents", [1, 33])
def test_last_batch_of_one_document(n_documents: int) -> None:
    run = trainer()
    assert math.isfinite(run.fit(CORPUS[:n_documents])[-1].elbo)


def test_empty_documents_teach_nothing() -> None:
    rows = torch.tensor(CORPUS.to_scipy().toarray())
    holes = torch.cat([rows[:60], torch.zeros(50, 40), rows[60:]]).numpy()
    plain, ragged = trainer(), trainer()
    plain.fit(CORPUS)
    ragged.fit(Corpus.from_scipy(holes, CORPUS.vocabulary))
    assert_equal(weights(plain), weights(ragged))


def test_what_is_no_corpus_of_the_models_words_is_refused() -> None:
    before, run = weights(trainer()), trainer()
    fewer = Corpus.from_scipy(CORPUS.to_scipy()[:, :30])
    for corpora in ((fewer,), (CORPUS, fewer)):
        with pytest.raises(ValueError, match="vocabulary of 30 words; expected 40, as the model"):
            run.fit(*corpora)
    with pytest.raises(TypeError, match="corpus is a csr_array; expected a Corpus"):
        run.fit(CORPUS.to_scipy())  # type: ignore[arg-type]
    assert_equal(weights(run), before)


def test_a_loss_that_is_not_finite_stops_with_its_origin() -> None:
    run = trainer()
    run.fit(CORPUS, epochs=1)
    with torch.no_grad():
        run.model.encoder.layers  # noqa: B018
        run.model.posterior.heads.weight[2, 3] = math.nan
    with pytest.raises(NotFiniteError, match=r"epoch 2, step 1: first in parameter .*heads.weight"):
        run.fit(CORPUS)


def test_a_diverging_run_names_its_step() -> None:
    run = trainer(learning_rate=1e30, epochs=50)
    with pytest.raises(NotFiniteError, match=r"epoch \d+, step \d+: first in .* learning_rate"):
        run.fit(CORPUS)


@pytest.mark.parametrize("rate", [1e3, 1e10, 1e30])
@pytest.mark.parametrize("name", list(RECIPES))
def test_an_absurd_rate_is_not_finite_or_trains(name: str, rate: float) -> None:
    """Never an op's ValueError about a posterior, nor weights that are not finite in silence."""
    run = trainer(name, learning_rate=rate)
    told = ""
    try:
        run.fit(CORPUS, HELD_OUT)
    except NotFiniteError as error:
        told = str(error)
    if told:
        assert re.search(r"epoch \d+, step \d+|after epoch \d+", told)
        assert "A lower learning_rate may help" in told
    else:
        assert all(value.isfinite().all() for value in weights(run).values())
        assert all(math.isfinite(epoch.elbo) for epoch in run.history)


@pytest.mark.parametrize(
    ("name", "rate", "tensor"),
    [
        ("LDAVAE", 1e3, "first in parameter encoder.weight"),
        ("DirichletETM", 1e30, "first in the posterior's alpha"),
        ("WHAI", 1e3, r"first in what follows the draw of theta .*prior_rate.* is 0, expected > 0"),
        ("DirichletVAE", 1e10, "running.variance is not finite after epoch 1, step"),
    ],
)
def test_a_posterior_that_diverges_is_named(name: str, rate: float, tensor: str) -> None:
    with pytest.raises(NotFiniteError, match=tensor):
        trainer(name, learning_rate=rate).fit(CORPUS)


def test_weights_that_diverge_at_the_very_last_step_are_found(tmp_path: Path) -> None:
    run = trainer(epochs=1, checkpoint=tmp_path / "state")
    step, taken = run.run.optimiser.step, []

    def last() -> None:
        step()
        taken.append(1)
        if len(taken) == 4:
            with torch.no_grad():
                run.model.encoder.weight[3, 2] = math.inf

    run.run.optimiser.step = last  # type: ignore[method-assign, assignment]
    with pytest.raises(
        NotFiniteError, match=r"encoder\.weight is not finite after epoch 1, step 4"
    ):
        run.fit(CORPUS)
    assert len(taken) == 4
    assert not (tmp_path / "state").exists()


def test_a_validation_elbo_that_diverges_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer()
    monkeypatch.setattr(run.model, "elbo", lambda *_, **__: torch.tensor([-math.inf]))
    with pytest.raises(NotFiniteError, match="validation ELBO is not finite after epoch 1"):
        run.fit(CORPUS, HELD_OUT)


def test_a_clock_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: 1.0)
    rate = trainer(epochs=1).fit(CORPUS)[0].documents_per_second
    assert 0 < rate < math.inf


def test_bad_documents_stay_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as those of a corpus whose files another program changes meanwhile."""
    run = trainer("LDAVAE")

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("bow_rows: indices[3] is 77")

    monkeypatch.setattr(run.model, "elbo", refuse)
    with pytest.raises(ValueError, match="indices"):
        run.fit(CORPUS, HELD_OUT)
    monkeypatch.setattr(run.model.encoder, "forward", refuse)
    with pytest.raises(ValueError, match="indices"):
        run.fit(CORPUS)


def test_schedules() -> None:
    linear = TrainingSettings(kl_schedule="linear", warm_up=10, kl_weight=2.0)
    assert [kl_weight(linear, e) for e in (0, 5, 10, 50)] == [0, 1, 2, 2]
    cyclic = TrainingSettings(kl_schedule="cyclic", warm_up=10)
    assert [kl_weight(cyclic, e) for e in (0, 2.5, 5, 9, 10, 12.5)] == [0, 0.5, 1, 1, 0, 0.5]
    assert kl_weight(TrainingSettings(), 0) == 1


def test_precision_is_set_for_the_run_alone() -> None:
    seen = []

    def look(epoch: Epoch) -> None:
        seen.append(torch.get_float32_matmul_precision())

    run = trainer(precision="medium", epochs=1, callback=look)
    before = torch.get_float32_matmul_precision()
    run.fit(CORPUS)
    assert seen == ["medium"]
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("less", [{"precision": "medium"}, {"autocast": True}])
def test_less_precision_trains_as_well(less: dict[str, object]) -> None:
    runs = trainer(epochs=5), trainer(epochs=5, **less)
    elbos = [run.fit(CORPUS)[-1].elbo for run in runs]
    assert all(p.dtype == torch.float32 for p in runs[1].model.parameters())
    bf16 = "bfloat16" in str(build_info().cpu_matmul_medium)
    assert (elbos[0] != elbos[1]) == (bf16 or "autocast" in less)
    assert elbos[1] == pytest.approx(elbos[0], rel=0.01)


def test_several_draws_per_document() -> None:
    assert math.isfinite(trainer(n_samples=3, epochs=1).fit(CORPUS)[-1].elbo)
