"""`make gpu`, tried on the CPU."""

import json
import sys
import time
from pathlib import Path

import pytest
import torch

from ntm_fast import ops
from scripts import gpu_session
from scripts.gpu_session import Phase, Result
from tests.ops import every_op


def python(code: str, seconds: float = 60, name: str = "a phase") -> Phase:
    return Phase(name, [sys.executable, "-c", code], seconds, "log")


def test_every_op_is_called() -> None:
    assert {name.split(",")[0] for name in every_op.CASES} == set(ops.__all__)


def test_every_op_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert every_op.main(["--device", "cpu"]) == 0
    assert "finite" in capsys.readouterr().out


def test_a_phase_that_fails_or_hangs(tmp_path: Path) -> None:
    good = gpu_session.run(python("print('right'); print()"), tmp_path)
    assert (good.verdict, good.last_line) == ("ok", "right")
    bad = gpu_session.run(python("raise SystemExit('wrong')"), tmp_path)
    assert (bad.verdict, bad.last_line) == ("failed", "wrong")
    began = time.monotonic()
    child = "import subprocess, sys; print('on', flush=True);"
    child += "subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    hung = gpu_session.run(python(child, seconds=3), tmp_path)
    assert (hung.verdict, hung.last_line) == ("timed out", "on")
    assert time.monotonic() - began < 50  # its child is gone too
    assert (tmp_path / "log").read_text().count("=== a phase") == 3


def test_a_session_has_an_end(tmp_path: Path) -> None:
    begun = gpu_session.run(python("import time; time.sleep(60)"), tmp_path, left=11)
    assert begun.verdict == "timed out"
    assert gpu_session.run(python("print(1)"), tmp_path, left=5).verdict == "no time"


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    phase = Phase("a tool", ["no-such-tool"], 1, "log", needs="no-such-tool")
    assert gpu_session.run(phase, tmp_path).verdict == "absent"
    assert gpu_session.run(Phase("it", ["no-such-tool"], 1, "log"), tmp_path).verdict == "absent"
    assert "a tool" in gpu_session.summary([Result("a tool", "absent", 0.0, "not there")])


def test_phases_of_a_gpu(tmp_path: Path) -> None:
    known = gpu_session.phases("cuda", tmp_path)
    names = [phase.name for phase in known]
    assert names[:4] == ["machine", "versions", "build", "info"]
    assert names.index("memcheck") < names.index("benchmark product") < names.index("racecheck")
    assert {"tests", "memcheck", "racecheck", "initcheck", "benchmark training"} <= set(names)
    asking = [p.name for p in known if set(gpu_session.WGMMA) <= set(p.environment)]
    assert asking == ["wgmma check", "wgmma sanitized", "benchmark wgmma"]
    asking = [p.name for p in known if set(gpu_session.TF32) <= set(p.environment)]
    assert asking == ["benchmark tf32"]
    benchmarks = sum(p.seconds for p in known if p.log == "benchmarks.log")
    assert benchmarks <= 20 * 60
    picked = gpu_session.chosen("build,tests", known)
    assert [phase.name for phase in picked] == ["build", "tests"]
    assert gpu_session.chosen(None, known) == known
    with pytest.raises(SystemExit, match="no phase is called 'nothing'"):
        gpu_session.chosen("nothing", known)


def test_benchmarks_named_there_exist() -> None:
    from benchmarks.__main__ import choose, discover

    known = discover("cuda")
    measured = {
        n for _, words in gpu_session.BENCHMARKS.values() for n in choose(list(words), known)
    }
    assert {"floor", "bow_product_log_likelihood", "training", "kl_gamma"} <= measured


def test_without_an_extension_it_is_built_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def run(phase: Phase, out: Path, left: float) -> Result:
        done.append(phase.name)
        return Result(phase.name, "ok", 0.0, "")

    monkeypatch.setattr(gpu_session, "run", run)
    for there in (True, False):
        monkeypatch.setattr(gpu_session, "is_built", lambda there=there: there)
        gpu_session.main(["--out", str(tmp_path), "--phases", "memcheck"])
    assert done == ["memcheck", "build", "memcheck"]


def test_a_session_on_the_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--device", "cpu", "--out", str(tmp_path), "--phases", "versions,info,memcheck"]
    assert gpu_session.main(call) == 0
    printed = capsys.readouterr().out
    assert printed.count("versions") == 2
    assert (tmp_path / "summary.txt").read_text().count("\n") == 3
    assert torch.__version__ in (tmp_path / "build.log").read_text()


def test_rows_are_named_by_the_gpu(tmp_path: Path) -> None:
    gpu_session.name_rows(tmp_path)
    assert not list(tmp_path.iterdir())
    row = {"op": "x", "machine": {"gpu": "NVIDIA H100", "date": "2026-11-23"}}
    for _ in range(2):
        (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
        gpu_session.name_rows(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-nvidia-h100-2026-11-23.jsonl"]
    assert (tmp_path / "gpu-nvidia-h100-2026-11-23.jsonl").read_text().count("H100") == 2
