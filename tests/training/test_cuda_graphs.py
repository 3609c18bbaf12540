"""Recorded steps: that they read what changes from its place, and leave the results as they are."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.training import cuda_graphs, loaders
from ntm_fast.training import trainer as loop
from ntm_fast.training.cuda_graphs import WARM_UP, RecordedSteps, bucket
from tests.helpers.blocks import block_corpus
from tests.training.runs import trainer

CORPUS = block_corpus(n_documents=120)


class Recorder:
    """Replays by doing the work again: anything kept from the first time would show."""

    def __init__(self, device: torch.device) -> None:
        self.warmed = self.recorded = self.replayed = 0

    def warm_up(self, work: Callable[[], None]) -> None:
        self.warmed += 1
        work()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1

        def replay() -> None:
            self.replayed += 1
            work()

        return replay


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "GraphRecorder", Recorder)


@given(st.integers(0, 10**8))
def test_buckets(nonzeros: int) -> None:
    size = bucket(nonzeros)
    assert nonzeros <= size <= nonzeros + max(63, nonzeros / 32)
    assert bucket(size) == size


@pytest.mark.parametrize("name", ["ProdLDA", "LDAVAE"])
def test_a_recorded_run_is_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over schedules of everything that may change; the padding moves the last bits."""
    changes = {"epochs": 6, "kl_schedule": "linear", "warm_up": 4, "optimiser": "adam"}
    changes |= {"learning_rate_schedule": "cosine", "validation_fraction": 0.0, "diversity": 0.5}
    changes |= {"diversity_every": 2}
    plain, other = trainer(name, **changes), trainer(name, **changes)
    expected = plain.fit(CORPUS)
    steps: list[RecordedSteps] = []

    def recorded(_: object, loader: loaders.Loader, step: cuda_graphs.Step) -> RecordedSteps:
        assert isinstance(loader, loaders.DeviceLoader)
        steps.append(RecordedSteps(loader, step))
        return steps[-1]

    monkeypatch.setattr(loop, "recorded_steps", recorded)
    history = other.fit(CORPUS)
    recorder = steps[0].recorder
    assert isinstance(recorder, Recorder)
    assert recorder.recorded > 0
    assert recorder.warmed + recorder.replayed == 6 * math.ceil(120 / 32)
    assert recorder.warmed >= WARM_UP * recorder.recorded
    assert [e.elbo for e in history] == pytest.approx([e.elbo for e in expected], rel=1e-4)
    for one, two in zip(plain.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-2, atol=1e-3)


def test_a_loss_is_not_written_over() -> None:
    run = trainer("ProdLDA")
    run.model.train()
    loader = loaders.DeviceLoader(CORPUS, torch.device("cpu"), run.model.decoder.ops)
    steps = RecordedSteps(loader, run.train_on)
    rows = torch.arange(32)
    size = loader.nonzeros([rows])[0]
    losses = [steps(rows, size, torch.tensor(seed), 1.0) for seed in range(6)]
    recorder = steps.recorder
    assert isinstance(recorder, Recorder)
    assert (recorder.warmed, recorder.recorded, recorder.replayed) == (WARM_UP, 1, 6 - WARM_UP)
    assert len({float(loss.loss) for loss in losses}) == 6
    assert not any(term.requires_grad for loss in losses for term in loss)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ProdLDA", {"em_steps": (1, 1)}),
        ("ProdLDA", {"prior_burn_in": 2}),
        ("ProdLDA", {"posterior": "gaussian"}),
    ],
)
def test_what_cannot_be_recorded(name: str, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"cuda_graphs is True, but .*; expected False"):
        trainer(name, cuda_graphs=True, **changes)


def test_on_the_cpu_nothing_is_recorded() -> None:
    runs = [trainer("ProdLDA", cuda_graphs=wanted) for wanted in (False, True)]
    elbos = [[e.elbo for e in run.fit(CORPUS)] for run in runs]
    assert elbos[0] == elbos[1]
