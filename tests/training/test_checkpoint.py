import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch

from ntm_fast.models import ModelSettings, TopicModel
from ntm_fast.training import (
    MismatchError,
    Trainer,
    TrainingInterrupted,
    TrainingSettings,
    checkpoint,
)
from tests.helpers.blocks import block_corpus
from tests.training.runs import CORPUS, HELD_OUT, assert_equal, trainer, weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["ProdLDA", "DirichletVAE"])
def test_resume_after_whole_epochs(tmp_path: Path, name: str) -> None:
    straight = trainer(name)
    straight.fit(CORPUS, HELD_OUT)
    file = tmp_path / "run" / "state.safetensors"
    trainer(name, file).fit(CORPUS, HELD_OUT, epochs=2)
    resumed = trainer(name)
    resumed.resume(file)
    history = resumed.fit(CORPUS, HELD_OUT)
    assert_equal(weights(straight), weights(resumed))
    assert [e.elbo for e in history] == [e.elbo for e in straight.history]
    assert resumed.state == straight.state
    assert os.listdir(file.parent) == [file.name]


def test_resume_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    lazy = {"diversity": 1.0, "diversity_every": 4}  # which steps pay does not start again
    straight = trainer(**lazy)
    straight.fit(CORPUS, HELD_OUT)
    file = tmp_path / "state.safetensors"
    interrupted = trainer("ProdLDA", file, **lazy)
    original, steps = interrupted.run.optimiser.step, []

    def step() -> None:
        original()
        steps.append(1)
        if len(steps) == 6:  # the second of epoch 2's four
            os.kill(os.getpid(), signal.SIGINT)

    interrupted.run.optimiser.step = step  # type: ignore[method-assign, assignment]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingInterrupted, match="saved to") as error:
        interrupted.fit(CORPUS, HELD_OUT)
    assert error.value.checkpoint == file
    assert signal.getsignal(signal.SIGINT) is before
    assert len(steps) == 6
    resumed = trainer(**lazy)
    resumed.resume(file)
    assert (resumed.state.epoch, resumed.state.step) == (1, 2)
    resumed.fit(CORPUS, HELD_OUT)
    assert_equal(weights(straight), weights(resumed))
    assert [e.elbo for e in resumed.history] == [e.elbo for e in straight.history]


def test_a_run_that_was_stopped_early_stays_stopped_unless_told(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    options = {"epochs": 100, "learning_rate": 0.05}
    first = trainer("ProdLDA", file, patience=2, **options)
    first.fit(CORPUS[:40], HELD_OUT)
    again = trainer("ProdLDA", patience=2, **options)
    again.resume(file)
    assert len(again.fit(CORPUS[:40], HELD_OUT)) == len(first.history)
    assert_equal(weights(first), weights(again))
    patient = trainer("ProdLDA", patience=6, **options)
    patient.resume(file)
    assert len(patient.fit(CORPUS[:40], HELD_OUT)) > len(first.history)


def test_ctrl_c_in_a_process_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    code = f"""
        from tests.training.runs import CORPUS, trainer
        run = trainer("ProdLDA", {str(file)!r}, epochs=10**6, callback=print)
        run.fit(CORPUS)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()  # the first epoch is done
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert f"training interrupted, saved to {file}" in errors
    resumed = trainer("ProdLDA", epochs=10**6)
    resumed.resume(file)
    epoch = resumed.state.epoch
    assert len(resumed.fit(CORPUS, epochs=epoch + 1)) == epoch + 1


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    trainer("ProdLDA", file).fit(CORPUS, epochs=1)
    with pytest.raises(ValueError, match=r"learning_rate is 0.5; expected 0.002, as in"):
        trainer(learning_rate=0.5).resume(file)
    with pytest.raises(ValueError, match="n_topics is 3; expected 4"):
        trainer(n_topics=3).resume(file)
    other = trainer()
    other.resume(file)
    with pytest.raises(ValueError, match="documents are others than those"):
        other.fit(CORPUS[:50])
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        trainer().resume(tmp_path / "absent")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="damaged or not a checkpoint"):
        trainer().resume(file)


def test_other_threads_are_told(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    trainer("ProdLDA", file).fit(CORPUS, epochs=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(UserWarning, match=f"not bit for bit.*threads {threads} → {threads + 1}"):
            trainer().resume(file)
    finally:
        torch.set_num_threads(threads)


def test_a_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.safetensors"
    run = trainer("ProdLDA", file)
    run.fit(CORPUS, epochs=1)
    good = file.read_bytes()

    def full(*args: object) -> None:
        raise safetensors.SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match=r"cannot save the checkpoint to .*: .*No space left"):
        run.fit(CORPUS, epochs=2)
    assert file.read_bytes() == good
    assert os.listdir(tmp_path) == [file.name]


def test_a_host_programs_handler_of_ctrl_c_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.getsignal", lambda number: None)
    monkeypatch.setattr("signal.signal", lambda *args: pytest.fail("it could not be put back"))
    assert len(trainer(epochs=1).fit(CORPUS)) == 1


def test_settings_that_nothing_uses_may_differ(tmp_path: Path) -> None:
    """Checkpoints of older releases have such, which the estimators refuse now."""
    path = tmp_path / "run"
    corpus = block_corpus(2, 4, 40)

    def made(**idle: Any) -> Trainer:
        model = TopicModel(corpus.n_words, ModelSettings(n_topics=2, hidden=(4,), **idle))
        return Trainer(model, TrainingSettings(epochs=2, warm_up=len(idle)), seed=0)

    begun = made(rsvi_boost=3)
    begun.fit(corpus, epochs=1)
    checkpoint.save(begun.run, path)
    resumed = made()
    resumed.resume(path)
    assert len(resumed.fit(corpus)) == 2
    other = Trainer(resumed.model, TrainingSettings(epochs=2, kl_schedule="linear"), seed=0)
    with pytest.raises(MismatchError, match="kl_schedule"):
        other.resume(path)
