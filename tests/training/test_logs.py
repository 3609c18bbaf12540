"""Logs of a run: JSON lines, and TensorBoard's files."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from ntm_fast.training import Callback, Epoch, JSONLines, Run, StepLoss, TensorBoard, logs
from tests.training.runs import CORPUS, HELD_OUT, trainer

Records = list[dict[str, Any]]


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def records(file: Path, event: str = "") -> Records:
    found = [strict(line) for line in file.read_text().splitlines()]
    return [record for record in found if event in ("", record["event"])]


def test_a_run_in_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "new" / "log.jsonl"
    run = trainer(epochs=2, callbacks=[JSONLines(file)])
    history = run.fit(CORPUS, HELD_OUT)
    events = ["start", *["step"] * 4, "epoch", *["step"] * 4, "epoch", "end"]
    assert [record["event"] for record in records(file)] == events
    start, end = records(file)[0], records(file)[-1]
    assert (start["epochs"], start["steps_per_epoch"], start["n_steps"]) == (2, 4, 8)
    assert (start["epoch"], start["step"], start["place"]) == (0, 0, "cpu")
    assert end["status"] == "finished"
    assert [record["elbo"] for record in records(file, "epoch")] == [e.elbo for e in history]
    scores = [record["validation_elbo"] for record in records(file, "epoch")]
    assert scores == [e.validation_elbo for e in history]
    assert [record["step"] for record in records(file, "step")] == list(range(1, 9))
    first = records(file, "step")[0]
    assert first["elbo"] == pytest.approx(first["log_likelihood"] - first["kl"])
    assert first["documents"] == 32


def test_lines_are_there_as_they_come(tmp_path: Path) -> None:
    file = tmp_path / "log"
    seen: list[int] = []

    class Look(Callback):
        def on_losses(self, run: Run, losses: Any) -> None:
            text = file.read_text()
            assert text.endswith("\n")
            seen.append(len(text.splitlines()))

    trainer(epochs=1, callbacks=[JSONLines(file), Look()]).fit(CORPUS)
    assert seen == [2, 3, 4, 5]


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    file, checkpoint = tmp_path / "log", tmp_path / "state"
    trainer("ProdLDA", checkpoint, callbacks=[JSONLines(file)]).fit(CORPUS, epochs=2)
    with file.open("ab") as torn:  # as a full disk leaves it
        torn.write(b'{"event": "st')
    resumed = trainer(callbacks=[JSONLines(file)])
    resumed.resume(checkpoint)
    resumed.fit(CORPUS, epochs=3)
    lines = file.read_text().splitlines()
    assert lines[12] == '{"event": "st'
    start, *steps, epoch, end = map(strict, lines[13:])
    assert (start["event"], start["epoch"], start["step"]) == ("start", 2, 8)
    assert [record["step"] for record in steps] == [9, 10, 11, 12]
    assert (epoch["event"], epoch["epoch"], end["event"]) == ("epoch", 3, "end")


def test_how_a_run_ended_is_logged(tmp_path: Path) -> None:
    def fail(epoch: Epoch) -> None:
        raise RuntimeError

    log = JSONLines(tmp_path / "log")
    with pytest.raises(RuntimeError):
        trainer(callback=fail, callbacks=[log]).fit(CORPUS)
    assert records(log.path, "end")[0]["status"] == "failed"
    assert log._file is None


@pytest.mark.parametrize(("every", "steps"), [(3, [3, 6]), (0, [])])
def test_some_steps_alone(tmp_path: Path, every: int, steps: list[int]) -> None:
    file = tmp_path / "log"
    trainer(epochs=2, callbacks=[JSONLines(file, every=every)]).fit(CORPUS)
    assert [record["step"] for record in records(file, "step")] == steps
    assert len(records(file, "epoch")) == 2


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    run, log = trainer().run, JSONLines(tmp_path / "log")
    log.on_start(run)
    log.on_losses(run, [StepLoss(1, 1, 2.0, math.inf, math.nan, 5)])
    log.on_epoch(run, Epoch(1, -math.inf, 1.0, 1.0, 1.0, None, 1.0))
    log.on_end(run)
    (step,), (epoch,) = records(log.path, "step"), records(log.path, "epoch")
    assert (step["loss"], step["log_likelihood"], step["kl"]) == (2.0, None, None)
    assert (epoch["elbo"], epoch["validation_elbo"], epoch["kl"]) == (None, None, 1.0)


@pytest.mark.parametrize("text", ["my notes\n", "[1]\n", '{"name": 3}\n', "\xff\n"])
def test_no_file_of_others_is_appended_to(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notes"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileExistsError, match="is no log of ntm_fast"):
        JSONLines(file)
    with pytest.raises(IsADirectoryError, match="file is a folder; expected a file"):
        JSONLines(tmp_path)
    with pytest.raises(ValueError, match="every is -1; expected >= 0"):
        JSONLines(tmp_path / "log", every=-1)


class FakeWriter:
    """A SummaryWriter that keeps what it is given."""

    made: list["FakeWriter"] = []  # noqa: RUF012

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.flushed, self.closed = 0, False
        FakeWriter.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert not self.closed
        self.scalars.append((name, value, step))

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed = True


def test_curves_of_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_summary_writer", lambda: FakeWriter)
    monkeypatch.setattr(FakeWriter, "made", [])
    board = TensorBoard(tmp_path / "board", every=2)
    run = trainer(epochs=2, callbacks=[board])
    history = run.fit(CORPUS, HELD_OUT)
    (writer,) = FakeWriter.made
    assert (writer.folder, writer.purge_step) == (str(tmp_path / "board"), 1)
    assert writer.closed
    assert writer.flushed == 2
    curves: dict[str, list[tuple[int, float]]] = {}
    for name, value, step in writer.scalars:
        curves.setdefault(name, []).append((step, value))
    assert [step for step, _ in curves["step/elbo"]] == [2, 4, 6, 8]
    assert curves["epoch/elbo"] == [(4, history[0].elbo), (8, history[1].elbo)]
    assert curves["epoch/validation_elbo"][1] == (8, history[1].validation_elbo)
    assert curves.keys() == {
        *(f"step/{name}" for name in ("loss", "elbo", "log_likelihood", "kl")),
        *(f"epoch/{name}" for name in ("elbo", "log_likelihood", "kl", "kl_weight")),
        *(f"epoch/{name}" for name in ("validation_elbo", "documents_per_second")),
    }
    run.fit(CORPUS, HELD_OUT, epochs=3)
    assert FakeWriter.made[1].purge_step == 9, "what follows replaces later steps"


def test_tensorboard_itself(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = trainer(epochs=2, callbacks=[TensorBoard(tmp_path / "board")]).fit(CORPUS)
    read = EventAccumulator(str(tmp_path / "board"))
    read.Reload()
    found = [(event.step, event.value) for event in read.Scalars("epoch/elbo")]
    assert found == [(4 * e.epoch, pytest.approx(e.elbo, rel=1e-6)) for e in history]
    assert len(read.Scalars("step/elbo")) == 8


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install .ntm_fast\[log\]"):
        TensorBoard(tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(NotADirectoryError, match="folder is a file; expected a folder"):
        TensorBoard(file)
