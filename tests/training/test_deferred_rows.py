"""Training that moves only the rows of a batch's words gives the same weights."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from ntm_fast.training import TrainingInterrupted, TrainingSettings, deferred_rows
from ntm_fast.training.optimiser import optimiser_for
from tests.training.runs import CORPUS, HELD_OUT, assert_equal, trainer, weights


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait however few they are, and however many of them a batch touches."""
    monkeypatch.setattr(deferred_rows, "WORTH_WAITING", 0)
    monkeypatch.setattr(deferred_rows, "MOST_TOUCHED", 1.0)


SETTINGS: dict[str, Any] = {"batch_size": 3, "epochs": 3, "learning_rate_schedule": "cosine"}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", ["ProdLDA", "LDAVAE"])
def test_training_gives_the_same_weights(name: str) -> None:
    runs = []
    for optimiser in ("adam", "deferred-adam"):
        one = trainer(name, optimiser=optimiser, **SETTINGS)
        one.model.double()
        elbos = [epoch.elbo for epoch in one.fit(CORPUS, HELD_OUT)]
        runs.append((weights(one), elbos))
    assert_equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


@pytest.mark.usefixtures("always")
def test_resume_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    straight = trainer(**SETTINGS)
    straight.fit(CORPUS)
    file = tmp_path / "state.safetensors"
    interrupted = trainer("ProdLDA", file, **SETTINGS)
    original, steps = interrupted.run.optimiser.step, []

    def step() -> None:
        original()
        steps.append(interrupted.model.encoder.weight.grad.is_sparse)
        if len(steps) == 50:
            os.kill(os.getpid(), signal.SIGINT)

    interrupted.run.optimiser.step = step  # type: ignore[method-assign, assignment]
    with pytest.raises(TrainingInterrupted):
        interrupted.fit(CORPUS)
    assert all(steps)
    resumed = trainer(**SETTINGS)
    resumed.resume(file)
    resumed.fit(CORPUS)
    assert_equal(weights(straight), weights(resumed))


@pytest.mark.usefixtures("always")
def test_lazy_is_another_method() -> None:
    runs = [trainer(optimiser=o, **SETTINGS) for o in ("deferred-adam", "lazy-adam")]
    for one in runs:
        one.fit(CORPUS)
    assert not runs[0].model.encoder.weight.equal(runs[1].model.encoder.weight)


def test_lazy_is_of_the_cpu_alone() -> None:
    model = trainer().model.to("meta")
    assert isinstance(optimiser_for(model, TrainingSettings()), torch.optim.Adam)
    with pytest.raises(ValueError, match=r"optimiser is .lazy-adam. .* on meta; expected .adam."):
        optimiser_for(model, TrainingSettings(optimiser="lazy-adam"))


def test_small_vocabularies_do_not_wait() -> None:
    run = trainer()
    seen = []
    original = run.run.optimiser.step

    def step() -> None:
        seen.append(run.model.encoder.weight.grad.is_sparse)
        original()

    run.run.optimiser.step = step  # type: ignore[method-assign, assignment]
    run.fit(CORPUS, epochs=1)
    assert not any(seen)
