"""The parts of the benchmarks that depend on the device, with a pretended GPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks.harness import inputs, machine, pages, results, rows, timing
from benchmarks.ops import product
from ntm_fast import reference

ROOT = Path(__file__).resolve().parents[2]


class Event:
    """An event of a GPU that takes 3 ms a call; all of them are written down."""

    diary: list[str]

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at: int | None = None

    def record(self) -> None:
        Event.diary.append("record")
        self.at = Event.diary.count("call")

    def synchronize(self) -> None:
        Event.diary.append("wait")

    def elapsed_time(self, end: "Event") -> float:
        assert self.at is not None
        assert end.at is not None
        return 3.0 * (end.at - self.at)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of torch.cuda that the benchmarks call, replaced for machines without a GPU."""
    Event.diary = []
    monkeypatch.setattr(machine, "NAME", "cuda")
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 1000)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 1700)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (100, 200))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    properties: Any = type("Properties", (), {"total_memory": 200})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: properties)


def test_events_take_the_time(gpu: None) -> None:
    assert machine.stopwatch(1)(lambda: Event.diary.append("call"), 4) == pytest.approx(0.012)
    assert Event.diary == ["record", *["call"] * 4, "record", "wait"]


def test_turns_are_timed_by_events(gpu: None) -> None:
    timings = timing.compare({"a": lambda: Event.diary.append("call")}, budget=0.01)
    assert timings["a"].seconds == pytest.approx(0.003)


def test_rows_of_a_gpu_tell_the_memory(gpu: None) -> None:
    def absent() -> object:
        raise RuntimeError("no kernel")

    runs = {"ntm_fast": lambda: Event.diary.append("call"), "peer": absent}
    assert list(rows.runnable("an op", runs)) == ["ntm_fast"]
    with pytest.raises(RuntimeError, match="no kernel"):
        rows.runnable("an op", {"ntm_fast": absent})
    figures = rows.timed({"ntm_fast": runs["ntm_fast"]}, 1, budget=0.01)
    assert figures["ntm_fast"]["peak_bytes"] == 700


def test_a_disagreement_on_a_gpu_keeps_the_rows(gpu: None) -> None:
    rows.check_alike("an op", {"ntm_fast": [torch.ones(2)], "peer": [torch.zeros(2)]}, 0.1)
    assert rows.DISAGREEMENTS == ["an op: ntm_fast differs from peer by 1e+30"]
    rows.DISAGREEMENTS.clear()
    rows.check_alike("an op", {"ntm_fast": [torch.ones(2)], "peer": [torch.ones(2)]}, 0.1)
    assert not rows.DISAGREEMENTS


def test_rows_of_the_product_at_each_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, computed on the CPU."""
    monkeypatch.setattr(timing, "QUICK", True)
    op = reference.bow_product_log_likelihood
    found = list(product.gpu_rows((16, 5, 90), 1, op))
    shown = {(r["precision"], r["batch_norm"]) for r in found if r["subject"] == "ntm_fast"}
    assert shown == {("medium", True), ("high", True), ("highest", True), ("medium", False)}
    assert all(r["tflops_per_second"] > 0 and r["share_of_floor"] > 0 for r in found)


def test_on_the_cpu_a_peer_has_to_run() -> None:
    def absent() -> object:
        raise RuntimeError("no kernel")

    with pytest.raises(RuntimeError, match="no kernel"):
        rows.runnable("an op", {"ntm_fast": lambda: None, "peer": absent})
    assert "peak_bytes" not in rows.timed({"ntm_fast": lambda: None}, 1, budget=0.01)["ntm_fast"]


def test_what_does_not_fit_is_left_out(gpu: None) -> None:
    assert machine.fits(79)
    assert not machine.fits(81)
    assert machine.available_bytes() == 100
    assert machine.peak_bytes() == 1700


def test_results_are_named_by_the_gpu(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    header = machine.describe()
    assert header["gpu"] == "NVIDIA H100 80GB HBM3"
    assert {"driver", "cuda", "torch"} <= set(header)
    assert machine.file_name(header) == f"gpu-nvidia-h100-80gb-hbm3-{header['date']}.jsonl"
    monkeypatch.setattr(machine, "NAME", "cpu")
    assert "gpu" not in machine.describe()


def test_the_newest_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert results.newest() is results.newest(gpu=True) is None
    for name in ("epyc-2026-11-22", "gpu-a-2026-11-23", "gpu-b-2026-11-21"):
        (tmp_path / f"{name}.jsonl").touch()
    assert results.newest() == tmp_path / "epyc-2026-11-22.jsonl"
    assert results.newest(gpu=True) == tmp_path / "gpu-a-2026-11-23.jsonl"


def test_benchmarks_of_a_device() -> None:
    cpu, cuda = command.discover("cpu"), command.discover("cuda")
    assert set(cpu) - set(cuda) == set(command.ALONE)
    assert {"floor", "training", "bow_product_log_likelihood"} <= set(cuda)


def test_documents_are_the_same_on_every_device() -> None:
    one = inputs.zipf_batch(5, 30, length=9)
    with torch.device("meta"):
        other = inputs.zipf_batch(5, 30, length=9)
    assert [part.device.type for part in other] == ["meta"] * 3
    assert [part.shape for part in other] == [part.shape for part in one]


def test_floors_of_a_gpu(gpu: None) -> None:
    assert timing.products(1.0, precision="high").name == "TF32 products"
    assert timing.arithmetic(1.0, torch.float32).calls == timing.products(2.0).calls


def test_a_flipped_rejection_is_no_error_on_a_gpu(gpu: None) -> None:
    truth = torch.zeros(1000)
    value = truth.clone()
    value[3] = 1.0
    assert rows.error(value, truth) == 0
    value[:30] = 1.0
    assert rows.error(value, truth) > 0.1


def test_the_table_of_a_gpu(tmp_path: Path) -> None:
    assert "make gpu" in pages.section(None, gpu=True)
    header = {"gpu": "NVIDIA H100", "driver": "580.1", "torch": "2.11.0", "date": "2026-11-23"}
    common = {"threads": 16, "dtype": "float32", "machine": header, "spread": 0.0}
    product = {"op": "bow_product_log_likelihood", "precision": "medium", "batch_norm": True}
    lines: list[dict[str, Any]] = [
        {**product, "subject": "ntm_fast", "shape": "a", "seconds": 1e-3, "ratio": 1.0,
         "share_of_floor": 0.5, "peak_bytes": 2**21},
        {**product, "subject": "eager dense", "shape": "a", "seconds": 5e-3, "ratio": 5.0,
         "peak_bytes": 2**30},
        {**product, "subject": "ntm_fast", "shape": "b", "seconds": 2e-3, "ratio": 1.0},
        {"op": "ProdLDA training", "subject": "ntm_fast", "shape": "arxiv", "seconds": 1.0,
         "documents_per_second": 1e6},
    ]  # fmt: skip
    path = tmp_path / "gpu-x-2026-11-23.jsonl"
    path.write_text("".join(json.dumps({**common, **line}) + "\n" for line in lines))
    text = pages.section(path, gpu=True)
    assert "NVIDIA H100, driver 580.1, torch 2.11.0, 2026-11-23" in text
    assert "| a, medium, with batch norm | 1 ms | 50% | 2 MiB | eager dense | 5.0 x |" in text
    assert "| b, medium, with batch norm | 2 ms |  |  |  |  |  |" in text
    assert "| arxiv | 16 | 1,000,000 |" in text


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    call = [sys.executable, "-m", "benchmarks", "--device", "cuda", "floor"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "torch finds no GPU" in done.stderr


def test_quick_rows_of_the_cpu(tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    call = [sys.executable, "-m", "benchmarks", "bow_rows", "--quick", "--threads", "1"]
    subprocess.run([*call, "--output", str(output)], cwd=ROOT, check=True, capture_output=True)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert {line["subject"] for line in lines} == {"ntm_fast", "scipy", "eager"}
    assert "gpu" not in lines[0]["machine"]
