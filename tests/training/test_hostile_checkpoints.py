"""Checkpoints that somebody else wrote, damaged or changed: refused before they do anything."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from ntm_fast.optim import CAPACITY, Adam
from ntm_fast.training import NotFiniteError, checkpoint, saved_run
from tests.training.runs import CORPUS, assert_equal, trainer, weights

Change = Callable[[dict[str, Any], dict[str, Tensor]], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("run") / "good.checkpoint"
    trainer("ProdLDA", file).fit(CORPUS, CORPUS[:20], epochs=2)
    return file


def rewritten(good: Path, target: Path, change: Change, version: int = 2) -> Path:
    """The checkpoint changed, with a digest that is right."""
    metadata, tensors = saved_run.read_parts(good)
    change(metadata, tensors)
    text = json.dumps({**metadata, "version": version})
    header = {"ntm_fast": text, "digest": saved_run.digest(text, tensors)}
    if version == 1:
        del header["digest"]
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    safetensors.torch.save_file(tensors, target, header)
    return target


def put(**values: Any) -> Change:
    """Set metadata, of which `state_` begins the names of the state's."""

    def change(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        for name, value in values.items():
            inside = metadata["state"] if name.startswith("state_") else metadata
            inside[name.removeprefix("state_")] = value

    return change


def drop(name: str) -> Change:
    def change(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        del (tensors if name in tensors else metadata)[name]

    return change


def tensor(name: str, make: Callable[[Tensor], Tensor]) -> Change:
    def change(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        tensors[name] = make(tensors.get(name, torch.empty(0)))

    return change


def with_first(value: float) -> Callable[[Tensor], Tensor]:
    def make(old: Tensor) -> Tensor:
        new = old.clone()
        new.view(-1)[0] = value
        return new

    return make


def waiting(done: Any = 0, steps: int = 3, **more: Any) -> Change:
    """Rows of the encoder's first layer that have not taken their last steps."""

    def change(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        first = tensors["optimiser.0.exp_avg"]
        assert first.shape == tensors["model.encoder.weight"].shape
        taken = torch.full((len(first),), done, dtype=torch.int32)
        tensors["optimiser.0.done"] = more.get("taken", taken)
        tensors["optimiser.0.schedule"] = more.get(
            "schedule", torch.full((steps, 2), 1e-3, dtype=torch.float64)
        )

    return change


def twister(left: int, following: int) -> Callable[[Tensor], Tensor]:
    def make(old: Tensor) -> Tensor:
        data = old.numpy().copy()
        data[8:12].view(np.int32)[0], data[16:24].view(np.uint64)[0] = left, following
        return torch.from_numpy(data)

    return make


SHORT = torch.zeros(3, dtype=torch.int32)
BAD: dict[str, tuple[Change, str]] = {
    "no seed": (drop("seed"), "seed is None; expected an int of 64 bits"),
    "huge seed": (put(seed=2**64), "seed is 18446744073709551616"),
    "seed in words": (put(seed="0"), "seed is '0'"),
    "no state": (drop("state"), "state is None; expected an object"),
    "epoch before the first": (put(state_epoch=-1), "epoch is -1; expected a count"),
    "epoch of a fraction": (put(state_epoch=1.5), "epoch is 1.5"),
    "epoch that is true": (put(state_epoch=True), "epoch is True"),
    "epoch beyond the history": (put(state_epoch=7), "state.epoch is 7"),
    "best beyond all": (put(state_best_epoch=9), "state.best_epoch 9"),
    "sum not finite": (put(state_kl=float("nan")), "kl is nan; expected a finite number"),
    "unknown": (put(state_moon=1), "has 'moon', which this release does not know"),
    "history no list": (put(history=3), "history is 3; expected a list"),
    "history of numbers": (put(history=[1, 2]), r"history\[0\] is 1; expected an object"),
    "history without an ELBO": (put(history=[{}, {}]), r"history\[0\].epoch is None"),
    "model no object": (put(model=[]), r"model is \[\]; expected an object"),
    "training no object": (put(training=None), "training is None"),
    "unknown setting": (put(model={"moon": 1}), "has 'moon', which this release"),
    "environment no object": (put(environment="x"), "environment is 'x'"),
    "corpus no hash": (put(corpus=5), "corpus is 5; expected a string"),
    "another format": (put(format="x"), "is not a checkpoint of ntm_fast"),
    "a newer version": (put(), "has version 3, this release reads 2"),
    "no generator": (drop("generator"), "no tensor 'generator'"),
    "generator too short": (tensor("generator", lambda t: t[:5000].clone()), "generator has shape"),
    "generator of floats": (tensor("generator", Tensor.float), "generator is torch.float32"),
    "generator beyond its words": (tensor("generator", twister(600, 624)), "generator is in no"),
    "generator before its words": (tensor("generator", twister(-5, 630)), "generator is in no"),
    "strange tensor": (tensor("moon", lambda t: torch.zeros(2)), "has a tensor 'moon'"),
    "no weight": (drop("model.encoder.weight"), "lacks model.encoder.weight"),
    "more weights": (tensor("model.moon", lambda t: torch.zeros(2)), "it has model.moon"),
    "weight of another shape": (
        tensor("model.encoder.weight", lambda t: t[:-1].clone()),
        r"of another model or vocabulary: model.encoder.weight has shape",
    ),
    "weight of float64": (tensor("model.encoder.weight", Tensor.double), "is torch.float64"),
    "weight NaN": (tensor("model.encoder.weight", with_first(np.nan)), "a run that diverged"),
    "best lacks one": (drop("best.encoder.weight"), "lacks best.encoder.weight"),
    "best infinite": (tensor("best.encoder.weight", with_first(np.inf)), "best.encoder.weight"),
    "moments lack one": (drop("optimiser.0.exp_avg"), r"optimiser.0 lacks 'exp_avg'"),
    "no step": (drop("optimiser.0.step"), "optimiser.0 lacks 'step'"),
    "moments more": (tensor("optimiser.0.moon", lambda t: torch.zeros(2)), "has 'moon'"),
    "moment of no parameter": (
        tensor("optimiser.99.exp_avg", lambda t: torch.zeros(2)),
        "state is of parameter 99",
    ),
    "moment by name": (tensor("optimiser.x.exp_avg", lambda t: torch.zeros(2)), "has a tensor"),
    "moment of another shape": (
        tensor("optimiser.0.exp_avg", lambda t: t[:-1].clone()),
        "optimiser.0.exp_avg is torch.float32",
    ),
    "moment of float16": (tensor("optimiser.0.exp_avg", Tensor.half), "is torch.float16"),
    "moment NaN": (tensor("optimiser.0.exp_avg", with_first(np.nan)), "exp_avg holds a value"),
    "square below 0": (tensor("optimiser.0.exp_avg_sq", with_first(-1)), "not >= 0"),
    "square NaN": (tensor("optimiser.0.exp_avg_sq", with_first(np.nan)), "not >= 0"),
    "step 0": (tensor("optimiser.0.step", torch.zeros_like), "optimiser.0.step is"),
    "steps": (tensor("optimiser.0.step", lambda t: torch.ones(2)), "optimiser.0.step is"),
    "step NaN": (tensor("optimiser.0.step", lambda t: torch.tensor(np.nan)), "step is"),
    "done before the first": (waiting(done=-1), "done holds -1 to -1; expected 0 to 3"),
    "done far before": (waiting(done=-(2**31)), "done holds -2147483648"),
    "done beyond the last": (waiting(done=4), "done holds 4 to 4"),
    "done of few": (waiting(taken=SHORT), r"optimiser.0.done is torch.int32 \(3,\)"),
    "done of int64": (waiting(taken=torch.zeros(40, dtype=torch.int64)), "done is torch.int64"),
    "schedule too long": (waiting(steps=CAPACITY + 1), "schedule has 1025 steps"),
    "schedule empty": (waiting(steps=0), "schedule has 0 steps"),
    "schedule of one": (
        waiting(schedule=torch.ones(3, dtype=torch.float64)),
        r"schedule is torch.float64 \(3,\)",
    ),
    "schedule NaN": (
        waiting(schedule=torch.full((3, 2), np.nan, dtype=torch.float64)),
        "schedule holds a value that is not finite",
    ),
    "done alone": (tensor("optimiser.0.done", lambda t: SHORT), "one of 'done' and 'schedule'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_and_changes_nothing(
    name: str, good: Path, tmp_path: Path
) -> None:
    change, message = BAD[name]
    version = 3 if "newer" in name else 2
    bad = rewritten(good, tmp_path / "bad.checkpoint", change, version)
    run = trainer("ProdLDA")
    before = weights(run), run.run.generator.get_state(), run.run.seed
    with pytest.raises(ValueError, match=message) as error:
        run.resume(bad)
    assert str(bad) in str(error.value)
    assert_equal(weights(run), before[0])
    assert run.run.generator.get_state().equal(before[1])
    assert (run.run.seed, run.state.epoch, run.history, run.run.best_weights) == (
        before[2],
        0,
        [],
        None,
    )
    assert not run.run.optimiser.state
    assert run.run.resumed_from is None


def test_rows_that_wait_are_taken_up(good: Path, tmp_path: Path) -> None:
    run = trainer("ProdLDA")
    run.resume(rewritten(good, tmp_path / "waiting", waiting(done=1)))
    assert isinstance(run.run.optimiser, Adam)
    state = run.run.optimiser.waiting_state()
    assert state[0]["done"].tolist() == [1] * 40
    assert state[0]["schedule"].tolist() == [[1e-3, 1e-3]] * 3
    with pytest.raises(ValueError, match="done holds"):
        run.run.optimiser.load_waiting_state({0: {**state[0], "done": state[0]["done"] - 2}})
    assert run.run.optimiser.waiting_state()[0]["done"].tolist() == [1] * 40


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "3", "null", "{", '"x"'])
def test_json_that_is_none_or_too_deep(text: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    safetensors.torch.save_file({"generator": torch.zeros(1)}, file, {"ntm_fast": text})
    with pytest.raises(ValueError, match=r"file is (damaged|not a checkpoint)"):
        trainer().resume(file)


def test_a_changed_bit_is_found(good: Path, tmp_path: Path) -> None:
    data, file = good.read_bytes(), tmp_path / "flipped"
    random = np.random.default_rng(0)
    header = 8 + int.from_bytes(data[:8], "little")
    places = [*random.integers(8, header, 30), *random.integers(header, len(data), 30)]
    for place in map(int, places):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(random.integers(8))
        file.write_bytes(flipped)
        with pytest.raises(ValueError, match="flipped"):
            trainer().resume(file)


def test_checkpoints_of_the_first_version_are_resumed(good: Path, tmp_path: Path) -> None:
    def older(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        for name in ("n_documents", "n_words", "estimator", "random_state"):
            metadata.pop(name, None)

    runs = trainer("ProdLDA"), trainer("ProdLDA")
    runs[0].resume(good)
    runs[1].resume(rewritten(good, tmp_path / "older", older, version=1), CORPUS)
    for run in runs:
        run.fit(CORPUS, CORPUS[:20])
    assert_equal(*map(weights, runs))
    with pytest.raises(ValueError, match=r"others than those .*older was made with: 50 documents"):
        trainer("ProdLDA").resume(tmp_path / "older", CORPUS[:50])


def test_other_documents_are_told_before_the_size_of_a_batch(good: Path) -> None:
    other = trainer("ProdLDA", batch_size=16)
    with pytest.raises(
        ValueError,
        match=r"with: 120 documents of 40 words expected, found 50 documents of 40 words",
    ):
        other.resume(good, CORPUS[:50])
    with pytest.raises(ValueError, match="120 documents of 40 words, of which some are others"):
        trainer("ProdLDA").resume(good, CORPUS[list(range(119, -1, -1))])
    with pytest.raises(checkpoint.MismatchError, match="batch_size is 16; expected 32"):
        other.resume(good, CORPUS)


def test_errors_cross_processes() -> None:
    errors = checkpoint.MismatchError("n_topics", 3, 4, Path("m")), NotFiniteError("x", Path("m"))
    for error in errors:
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_no_file_of_others_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("my notes")
    with pytest.raises(FileExistsError, match="is no checkpoint of ntm_fast, so it is not"):
        trainer("ProdLDA", file)
    assert file.read_text() == "my notes"


def test_a_run_that_diverges_keeps_its_last_good_state(tmp_path: Path) -> None:
    file = tmp_path / "state"
    run = trainer("ProdLDA", file)
    run.fit(CORPUS, epochs=2)
    good = weights(run)
    with torch.no_grad():
        run.model.posterior.heads.weight[0, 0] = np.nan
    with pytest.raises(NotFiniteError, match=r"keeps the state after epoch 2: .*epochs=2") as error:
        run.fit(CORPUS, epochs=4)
    assert (error.value.checkpoint, error.value.epochs) == (file, 2)
    with pytest.raises(ValueError, match=r"diverged after epoch 2 .*; expected epochs=2, which"):
        trainer("ProdLDA", file).resume(file)
    again = trainer("ProdLDA", file, epochs=2)  # what the messages advise works
    again.resume(file)
    again.fit(CORPUS)
    assert_equal(weights(again), good)


def test_a_run_that_diverges_at_once_leaves_no_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "state"
    with pytest.raises(NotFiniteError) as error:
        trainer("ProdLDA", file, learning_rate=1e30).fit(CORPUS)
    assert error.value.checkpoint is None
    assert not file.exists()
