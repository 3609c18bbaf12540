"""The benchmarks: their table, paired timings, floors, rows as they come, rivals, inputs."""

import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from benchmarks import __main__ as command
from benchmarks.harness import inputs, machine, results, rows, timing
from benchmarks.ops import TABLE, product
from benchmarks.studies import quality, rivals, vocabulary
from ntm_fast import ops
from ntm_fast.data import Corpus
from tests.helpers.blocks import block_corpus

ROOT = Path(__file__).resolve().parents[2]


def test_every_op_is_in_the_table() -> None:
    assert set(TABLE) == {*ops.__all__, "adam", "metrics", "one_word"}
    assert list(command.discover()) == ["floor", *TABLE, *command.WHOLE]
    for module, function in command.discover().values():
        assert callable(getattr(importlib.import_module(module), function))
    for module in command.COMMANDS.values():
        assert callable(importlib.import_module(module).main)


def test_benchmarks_are_chosen_by_name() -> None:
    known = command.discover()
    assert command.choose(["kl_", "floor"], known)[0] == "floor"
    assert all("kl_" in name for name in command.choose(["kl_"], known))
    with pytest.raises(SystemExit, match="no benchmark is called 'nothing'"):
        command.choose(["nothing"], known)


def test_a_ratio_compares_each_turn_within_itself() -> None:
    busy = timing.summary([1.0, 10.0, 100.0, 1.0, 1.0])  # the machine was busy in two turns
    other = timing.summary([2.0, 20.0, 200.0, 2.0, 2.0])
    ratio = other.over(busy)
    assert ratio.seconds == 2
    assert ratio.spread == 0


def test_a_rival_that_takes_long_is_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = 0.0, {"ntm_fast": 0, "bfloat16": 0, "eager": 0}

    def subject(name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            nonlocal clock
            clock += seconds
            calls[name] += 1

        return run

    def stopwatch(run: Callable[[], object], n: int) -> float:
        began = clock
        for _ in range(n):
            run()
        return clock - began

    monkeypatch.setattr(machine, "stopwatch", lambda threads: stopwatch)
    seconds = {"ntm_fast": 2 * timing.ONCE, "bfloat16": 4 * timing.ONCE, "eager": 1.0}
    found = timing.compare({n: subject(n, s) for n, s in seconds.items()}, budget=0.001)
    assert calls["bfloat16"] == 1
    assert calls["eager"] == calls["ntm_fast"] >= 5  # our own is timed however long it takes
    assert found["bfloat16"].seconds == 4 * timing.ONCE
    assert found["bfloat16"].over(found["ntm_fast"]).seconds == 2
    assert found["ntm_fast"].over(found["bfloat16"]).seconds == 0.5


ENDLESS = """
import sys, time
from benchmarks import __main__ as command, ops
from benchmarks.ops import kl

def rows(threads):
    yield {"op": "kl_normal", "subject": "measured", "shape": "3x4", "threads": threads}
    time.sleep(600)

kl.kl_normal = rows
sys.argv = ["benchmarks", "kl_normal", "--threads", "1", "--output", sys.argv[1]]
sys.exit(command.main())
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_rows_come_as_they_are_measured(tmp_path: Path, end: signal.Signals) -> None:
    """However a benchmark is ended, it has printed and saved its rows until then."""
    file = tmp_path / "rows.jsonl"
    call = [sys.executable, "-c", ENDLESS, str(file)]
    with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            printed = next(line for line in process.stdout if "measured" in line)
            process.send_signal(end)
            rest = process.stdout.read()
        finally:
            process.kill()
    assert printed.split() == ["kl_normal", "measured", "3x4", "1"]
    (row,) = map(json.loads, file.read_text().splitlines())
    assert (row["benchmark"], row["subject"]) == ("kl_normal", "measured")
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert f"ended early; rows saved to {file}" in rest


def test_floors_count_the_work() -> None:
    assert timing.products(4 * timing.SIZE**3).calls == 2
    assert timing.arithmetic(timing.SIZE**3).calls == 1
    assert timing.memory(24 * timing.FLOATS).calls == 2
    assert timing.memory(1200).calls == 1
    for each in (timing.products(1.0), timing.arithmetic(1.0), timing.memory(10)):
        each.run()


def test_a_row_tells_ratio_and_share() -> None:
    x = torch.ones(1000, requires_grad=True)
    subjects = {"ntm_fast": lambda x: x * 2, "slow": lambda x: sum(x for _ in range(2))}
    ours, slow = rows.op_rows("double", [x], subjects, 1, budget=0.05)
    assert ours["ratio"] == 1
    assert slow["ratio"] > 0
    assert ours["floor"] == "memory"
    assert min(ours["share_of_floor"], slow["share_of_floor"]) > 0
    with pytest.raises(AssertionError, match="ntm_fast differs from wrong"):
        rows.op_rows("double", [x], {**subjects, "wrong": lambda x: x * 3}, 1, budget=0.05)


def test_one_word_against_those_who_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("eager", "torch linear_cross_entropy", "Liger", "cut cross entropy")
    peers = {name: product.PEERS[name] for name in names}
    monkeypatch.setattr(product, "PEERS", peers | {"broken": lambda target: lambda h, w: h / 0})
    monkeypatch.setattr(timing, "QUICK", True)
    ours, *others = product.one_word_rows((17, 5, 90), 1)
    measured = [row["subject"] for row in others]
    absent = [entry.split(" (")[0] for entry in ours["absent_peers"]]
    assert sorted([*measured, *absent]) == sorted([*names, "broken"])
    assert "eager" in measured
    assert "broken" in absent
    assert ours["share_of_floor"] > 0


def test_processes_of_their_own() -> None:
    assert machine.peak_bytes() > 1e6
    assert machine.available_bytes() > 1e6
    assert machine.peak_growth(lambda: bytearray(50 << 20)) > 40 << 20
    with pytest.raises(RuntimeError, match=r"(?s)vocabulary Nobody 10 1 failed.*KeyError"):
        machine.in_a_process("benchmarks.studies.vocabulary", "Nobody", 10, 1)


def test_vocabulary_rows_are_for_all_threads_only() -> None:
    assert not list(vocabulary.run(1000))


def test_gibbs_sampling_is_measured_as_our_models_are() -> None:
    pytest.importorskip("tomotopy")
    random = np.random.default_rng(0)
    blocks = np.kron(np.eye(2), np.ones((40, 6)))  # two topics of six words each
    counts = random.poisson(2.0, blocks.shape) * blocks
    corpus = Corpus.from_scipy(sp.csr_array(counts.astype(np.float32)))
    lda = rivals.GibbsLDA(corpus, n_topics=2, seed=1, workers=1)
    lda.fit(100)
    assert np.allclose(lda.beta.sum(1), 1, atol=1e-3)
    top = {frozenset(topic) for topic in lda.top_word_ids(6, relevance=0.5).tolist()}
    assert top == {frozenset(range(6)), frozenset(range(6, 12))}
    assert 6 < lda.perplexity(corpus) < 8


def test_quality_sums_up_its_seeds() -> None:
    runs = [
        {"op": "A quality", "subject": f"seed {s}", "npmi_10": 0.1 * s, "perplexity": 700.0}
        for s in (1, 3)
    ]
    mean = quality.summary(runs)
    assert mean["subject"] == "mean"
    assert mean["seeds"] == 2
    assert mean["npmi_10"] == pytest.approx(0.2)
    assert mean["npmi_10_spread"] == pytest.approx(0.1 * 2**0.5)
    assert mean["perplexity_spread"] == 0
    assert "c_v" not in mean
    assert quality.summary(runs[:1])["npmi_10_spread"] == 0


@pytest.mark.parametrize("octis", [False, True])
def test_corpora_of_any_folder(tmp_path: Path, octis: bool) -> None:
    corpus = block_corpus(n_documents=6)
    assert not inputs.is_real(str(tmp_path))
    if octis:
        words = np.array(corpus.vocabulary)
        rows = [" ".join(words[corpus[d].indices]) for d in range(6)]
        splits = ("train", "test", "val", "train", "train", "train")
        lines = [f"{row}\t{split}" for row, split in zip(rows, splits, strict=True)]
        (tmp_path / "corpus.tsv").write_text("\n".join(lines) + "\n")
        (tmp_path / "vocabulary.txt").write_text("\n".join(words) + "\n")
    else:
        for split, rows in (("train", slice(5)), ("test", slice(5, 6))):
            sp.save_npz(tmp_path / f"{split}.npz", corpus[rows].to_scipy().tocsr())
        (tmp_path / "vocab.txt").write_text("\n".join(corpus.vocabulary) + "\n")
    assert inputs.is_real(str(tmp_path))
    found = inputs.corpus(str(tmp_path)), inputs.corpus(str(tmp_path), "test")
    assert [len(part) for part in found] == [5, 1]
    assert found[0].vocabulary == found[1].vocabulary == corpus.vocabulary
    assert quality.shape_of(str(tmp_path), 4) == f"{tmp_path.name}, K=4"


def test_quality_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "corpus", lambda name, split="train": block_corpus())
    wanted = quality.Run("ProdLDA, quick", "20ng_prodlda", 4, (0,))
    seed, mean = quality.rows_of(wanted, 1, {}, epochs=2)
    assert mean["epochs"] == 2
    assert mean["shape"] == "20ng_prodlda, K=4"
    assert 0 < mean["diversity_25"] <= 1
    assert 1 <= mean["leading_topics"] <= 4
    assert mean["perplexity"] > 1
    # What a file holds is not measured again; one more seed is, and then their mean.
    done = {results.key(row): row for row in (seed, mean)}
    assert not list(quality.rows_of(wanted, 1, done))
    second, both = quality.rows_of(wanted._replace(seeds=(0, 1)), 1, done, epochs=2)
    assert (second["subject"], both["seeds"]) == ("seed 1", 2)
