"""Callbacks: the order of their hooks, what they see, how they stop a run, and errors in them."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from ntm_fast import JSONLines, ProdLDA
from ntm_fast.training import (
    Callback,
    Checkpoint,
    Epoch,
    NotFiniteError,
    Run,
    StepLoss,
    TrainingInterrupted,
    losses,
)
from ntm_fast.training.callbacks import checked_callbacks
from tests.training.runs import CORPUS, HELD_OUT, Weights, assert_equal, trainer, weights

STEPS = 4  # an epoch: 120 documents, 32 a batch


class Diary(Callback):
    """Writes down its hooks; raises, interrupts or stops at one of them."""

    def __init__(self, at: str = "", action: str = "raise") -> None:
        self.entries: list[str] = []
        self.losses: list[StepLoss] = []
        self.at, self.action = at, action

    def note(self, entry: str, run: Run) -> bool:
        self.entries.append(entry)
        if entry != self.at:
            return False
        if self.action == "raise":
            raise RuntimeError(f"at {entry}")
        if self.action == "interrupt":
            run.interrupt()
        elif self.action == "stop":
            run.stop()
        return self.action == "return True"

    def on_start(self, run: Run) -> None:
        self.note("start", run)

    def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
        assert losses[-1].step == run.step
        self.losses.extend(losses)
        self.note(f"step {run.step}", run)

    def on_epoch(self, run: Run, epoch: Epoch) -> bool:
        assert run.history[-1] is epoch
        assert run.step == epoch.epoch * STEPS
        return self.note(f"epoch {epoch.epoch}", run)

    def on_interrupt(self, run: Run) -> None:
        self.note("interrupt", run)

    def on_end(self, run: Run) -> None:
        self.note(f"end: {run.status}", run)


def steps(first: int, last: int) -> list[str]:
    return [f"step {number}" for number in range(first, last + 1)]


def test_hooks_come_in_order() -> None:
    diary = Diary()
    run = trainer(epochs=2, callbacks=[diary])
    history = run.fit(CORPUS)
    expected = ["start", *steps(1, 4), "epoch 1", *steps(5, 8), "epoch 2", "end: finished"]
    assert diary.entries == expected
    assert [loss.epoch for loss in diary.losses] == [1] * 4 + [2] * 4
    assert [loss.documents for loss in diary.losses[:STEPS]] == [32, 32, 32, 24]
    means = [
        np.average([loss.elbo for loss in part], weights=[loss.documents for loss in part])
        for part in (diary.losses[:STEPS], diary.losses[STEPS:])
    ]
    assert means == pytest.approx([epoch.elbo for epoch in history])
    assert all(loss.loss == pytest.approx(-loss.elbo, rel=1e-4) for loss in diary.losses)


def test_a_run_knows_where_it_is() -> None:
    seen: list[tuple[object, ...]] = []

    class Look(Callback):
        def on_start(self, run: Run) -> None:
            seen.append((run.status, run.epochs, run.steps_per_epoch, run.n_steps, run.place))
            assert run.elbo is None

        def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
            assert run.elbo is not None
            assert run.documents_per_second > 0
            seen.append((run.step, run.state.epoch, run.state.step))
            assert run.model.topic_weights().shape == (4, 40)
            assert run.model.training

    trainer(epochs=2, callbacks=[Look()]).fit(CORPUS)
    assert seen[0] == ("running", 2, STEPS, 2 * STEPS, "cpu")
    assert seen[1:] == [(1 + i, i // STEPS, i % STEPS + 1) for i in range(2 * STEPS)]


def test_watching_changes_no_bit() -> None:
    runs = trainer(), trainer(callbacks=[Diary(), Diary()])
    for run in runs:
        run.fit(CORPUS, HELD_OUT)
    assert_equal(*map(weights, runs))


@pytest.mark.parametrize("action", ["return True", "stop"])
def test_a_callback_stops_a_run_and_all_see_the_epoch(action: str) -> None:
    first, second = Diary("epoch 2", action), Diary()
    assert len(trainer(callbacks=[first, second]).fit(CORPUS)) == 2
    assert first.entries[-2:] == second.entries[-2:] == ["epoch 2", "end: finished"]


@pytest.mark.parametrize("at", ["step 6", "epoch 2"])
def test_a_callback_that_raises_leaves_the_run_whole(at: str, tmp_path: Path) -> None:
    """It goes on in the same trainer, and from its checkpoint, as if nothing had been."""
    straight = trainer()
    straight.fit(CORPUS)
    file = tmp_path / "state"
    bad, last = Diary(at), Diary()
    run = trainer("ProdLDA", file, callbacks=[bad, last])
    with pytest.raises(RuntimeError, match=f"at {at}"):
        run.fit(CORPUS)
    assert bad.entries[-1] == last.entries[-1] == "end: failed"
    assert at not in last.entries
    resumed = trainer()
    resumed.resume(file)
    assert resumed.state.epoch == (2 if at == "epoch 2" else 1), "a finished epoch is saved"
    resumed.fit(CORPUS)
    bad.at = ""
    run.fit(CORPUS)
    for other in (resumed, run):
        assert_equal(weights(straight), weights(other))
        assert [e.elbo for e in other.history] == [e.elbo for e in straight.history]


def test_a_failed_run_with_a_best_epoch_goes_on_from_its_last_step() -> None:
    straight, bad = trainer(), Diary("epoch 3")
    straight.fit(CORPUS, HELD_OUT)
    run = trainer(callbacks=[bad])
    with pytest.raises(RuntimeError):
        run.fit(CORPUS, HELD_OUT)
    run.fit(CORPUS, HELD_OUT)
    assert_equal(weights(straight), weights(run))


def test_only_those_that_started_are_ended_and_all_of_them() -> None:
    first, second, third = Diary(), Diary("start"), Diary()
    with pytest.raises(RuntimeError, match="at start"):
        trainer(callbacks=[first, second, third]).fit(CORPUS)
    assert (first.entries, second.entries) == (["start", "end: failed"], ["start"])
    assert third.entries == []
    first, second = Diary("end: finished"), Diary()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="at end"):
        trainer(epochs=1, callbacks=[first, second]).fit(CORPUS)
    assert second.entries[-1] == "end: finished"
    assert signal.getsignal(signal.SIGINT) is before


def test_the_end_sees_the_best_weights() -> None:
    kept: list[Weights] = []

    class Last(Callback):
        def on_end(self, run: Run) -> None:
            kept.append({name: value.clone() for name, value in run.model.state_dict().items()})

    run = trainer(epochs=40, patience=3, learning_rate=0.05, callbacks=[Last()])
    history = run.fit(CORPUS[:40], HELD_OUT)
    assert run.state.best_epoch == len(history) - 3
    assert_equal(kept[0], weights(run))


def test_a_run_is_interrupted_by_a_callback_and_continued(tmp_path: Path) -> None:
    straight = trainer()
    straight.fit(CORPUS)
    file, diary = tmp_path / "state", Diary("step 6", "interrupt")
    run = trainer(callbacks=[diary, Checkpoint(file)])
    with pytest.raises(TrainingInterrupted) as error:
        run.fit(CORPUS)
    assert error.value.checkpoint == file
    assert diary.entries[-3:] == ["step 6", "interrupt", "end: interrupted"]
    resumed = trainer()
    resumed.resume(file)
    resumed.fit(CORPUS)
    run.fit(CORPUS)  # in the same trainer the epoch's order is drawn again too
    for other in (resumed, run):
        assert_equal(weights(straight), weights(other))


def test_a_checkpoint_may_be_saved_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")

    class Now(Callback):
        def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
            if run.step == 7:
                checkpoint.save(run)

    straight, other = trainer(callbacks=[Now()]), trainer()
    straight.fit(CORPUS)
    other.resume(tmp_path / "state")
    assert (other.state.epoch, other.state.step) == (1, 3)
    other.fit(CORPUS)
    assert_equal(weights(straight), weights(other))


def test_on_a_gpu_losses_come_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every third step here, and after the last one of an epoch."""
    diary = Diary()
    run = trainer(epochs=2, batch_size=24, callbacks=[diary])  # five steps an epoch
    expected = trainer(epochs=2, batch_size=24).fit(CORPUS)
    init = losses.LossReader.__init__

    def every_third(self: losses.LossReader, *parts: object) -> None:
        init(self, *parts)  # type: ignore[arg-type]
        self._every = 3

    monkeypatch.setattr(losses.LossReader, "__init__", every_third)
    monkeypatch.setattr("tests.training.test_callbacks.STEPS", 5)
    history = run.fit(CORPUS)
    assert diary.entries[1:4] == ["step 3", "step 5", "epoch 1"]
    assert [loss.step for loss in diary.losses] == list(range(1, 11))
    assert [e.elbo for e in history] == [e.elbo for e in expected]


def test_pending_losses_are_read_when_a_run_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    init = losses.LossReader.__init__

    def at_the_end(self: losses.LossReader, *parts: object) -> None:
        init(self, *parts)  # type: ignore[arg-type]
        self._every = 50

    monkeypatch.setattr(losses.LossReader, "__init__", at_the_end)
    diary, file = Diary(), tmp_path / "state"
    run = trainer("ProdLDA", file, callbacks=[diary])
    step, taken = run.run.optimiser.step, []

    def interrupting() -> None:
        step()
        taken.append(1)
        if len(taken) == 6:
            os.kill(os.getpid(), signal.SIGINT)

    run.run.optimiser.step = interrupting  # type: ignore[method-assign, assignment]
    with pytest.raises(TrainingInterrupted):
        run.fit(CORPUS)
    assert diary.entries == [
        "start",
        "step 4",
        "epoch 1",
        "step 6",
        "interrupt",
        "end: interrupted",
    ]
    straight, resumed = trainer(), trainer()
    resumed.resume(file)
    resumed.fit(CORPUS)
    straight.fit(CORPUS)
    assert [e.elbo for e in resumed.history] == [e.elbo for e in straight.history]


def test_a_run_that_diverges_ends_its_callbacks(tmp_path: Path) -> None:
    diary = Diary()
    run = trainer("ProdLDA", tmp_path / "state", callbacks=[diary], learning_rate=1e30, epochs=50)
    with pytest.raises(NotFiniteError):
        run.fit(CORPUS)
    assert diary.entries[-1] == "end: failed"
    assert run.run.diverged is not None


@pytest.mark.parametrize("callbacks", [3, Diary(), [Diary], [None], [Diary(), print]])
def test_what_is_no_callback_is_named(callbacks: object) -> None:
    with pytest.raises(TypeError, match=r"callbacks(\[\d\])? is .*; expected a"):
        ProdLDA(4, epochs=1).fit(CORPUS, callbacks=callbacks)  # type: ignore[arg-type]


def test_estimators_hand_them_on() -> None:
    diary = Diary()
    settings = {"epochs": 2, "batch_size": 30, "hidden": (8,), "validation_fraction": 0.0}
    model = ProdLDA(4, random_state=0, **settings)
    model.fit(CORPUS, callbacks=[diary])
    assert diary.entries.count("end: finished") == 1
    assert "epoch 2" in diary.entries
    other = Diary()
    model.partial_fit(CORPUS, callbacks=[other]).partial_fit(CORPUS)
    assert other.entries == ["start", *steps(9, 12), "epoch 3", "end: finished"]


def test_rows_that_wait_can_be_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntm_fast.training.deferred_rows.WORTH_WAITING", 0)
    monkeypatch.setattr("ntm_fast.training.deferred_rows.MOST_TOUCHED", 1.0)
    seen: list[torch.Tensor] = []

    class Look(Callback):
        def on_losses(self, run: Run, losses: Sequence[StepLoss]) -> None:
            if run.step == 30:
                seen.append(run.model.encoder.weight.detach().clone())
                run.flush()
                seen.append(run.model.encoder.weight.detach().clone())

    changes: dict[str, object] = {"batch_size": 3, "epochs": 1}
    trainer(callbacks=[Look()], **changes).fit(CORPUS)
    plain = trainer(callbacks=[Look()], optimiser="adam", **changes)
    plain.fit(CORPUS)
    assert not seen[0].equal(seen[1])
    torch.testing.assert_close(seen[1], seen[3], rtol=1e-5, atol=1e-6)


def test_a_callback_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    log = JSONLines(tmp_path / "log.jsonl")
    with pytest.raises(ValueError, match=r"callbacks\[1\] is in the list already"):
        checked_callbacks([log, log])
    with pytest.raises(TypeError, match=r"callbacks\[0\] is .*; expected a Callback, see"):
        checked_callbacks([print])  # type: ignore[list-item]
