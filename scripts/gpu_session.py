"""All that is run once on a machine with a GPU: build, tests, sanitizer, benchmarks.

    python scripts/gpu_session.py [--phases build,tests,…] [--out FOLDER]      (or: make gpu)

Nothing is installed and no network is needed: Python with torch and what `make test VENV=` asks
for, nvcc, and for the sanitizer compute-sanitizer. The extension is built for the GPU's own
architecture. NTM_FAST_SHARED names the folder of the exact tables and corpora; tests that need
them are skipped without it.

Each phase has its own time limit, and a phase that fails keeps none of the others back. Its output
goes to FOLDER (else $OUT, else gpu-session), rows to a file there that is named by the GPU. A table
of all phases comes last and is in FOLDER/summary.txt. The exit code is 1 if one failed. --seconds
ends what would take longer altogether.

--device cpu runs the same phases, short, on the CPU: to see that they work.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PYTHON = sys.executable
FACTS = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"
# Groups of benchmarks, each a process of its own with its seconds: the most wanted come first.
BENCHMARKS = {
    "product": (240, ["floor", "bow_product_log_likelihood"]),
    "one word": (120, ["one_word"]),
    "mixture": (150, ["bow_mixture_"]),
    "training": (180, ["training"]),
    "samplers": (120, ["log_gamma_rsample", "log_dirichlet_rsample", "gamma_implicit_gradient"]),
    "others": (
        90,
        ["bow_linear", "bow_rows", "kl_", "dropout", "dense_layer", "rsvi", "normal", "overlap"],
    ),
    "vocabulary": (120, ["vocabulary"]),
    "wgmma": (120, ["bow_product_log_likelihood"]),
    "tf32": (60, ["bow_product_log_likelihood"]),
}
PRECISION_TESTS = "tests/ops/test_bow_product_log_likelihood_precision.py"
Environment = tuple[tuple[str, str], ...]
# They ask for kernels that are not the default; their benchmarks are the last.
WGMMA: Environment = (("NTM_FAST_WGMMA", "1"),)
TF32: Environment = (("NTM_FAST_TF32", "1"),)
ASKED = {"wgmma": WGMMA, "tf32": TF32}
TOOLS = ("memcheck", "racecheck", "initcheck")


@dataclass(frozen=True)
class Phase:
    """One command, how long it may take, and the file that its output is added to."""

    name: str
    command: list[str]
    seconds: float
    log: str
    needs: str = ""  # a program without which it is left out
    environment: Environment = ()


@dataclass(frozen=True)
class Result:
    """How a phase ended: ok, failed, timed out, absent or no time."""

    name: str
    verdict: str
    seconds: float
    last_line: str


def phases(device: str, out: Path) -> list[Phase]:
    """All phases in the order to run."""
    cuda = device == "cuda"
    build = [PYTHON, "setup.py", "--quiet", "build_ext", "--inplace"]
    plain = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tests = [*plain]
    if find_spec("xdist"):
        tests += ["-n", str(min(8, os.cpu_count() or 1))]
    if find_spec("pytest_timeout"):  # what hangs takes its own process along and no other
        tests += ["--timeout", "120", "--timeout-method", "thread"]
    tests += ["-m", "cuda"] if cuda else ["tests/ops/test_kl_normal.py"]
    every = [PYTHON, "-m", "tests.ops.every_op", "--device", device]
    found = [
        Phase("machine", ["nvidia-smi"] if cuda else ["uname", "-a"], 20, "build.log"),
        Phase("versions", [PYTHON, "-c", FACTS], 60, "build.log"),
        Phase("build", build, 420 if cuda else 1800, "build.log"),
        Phase("info", [PYTHON, "-m", "ntm_fast", "info"], 60, "build.log"),
        Phase("every op", every, 90, "tests.log"),
        Phase("tests", tests, 420, "tests.log"),
    ]
    # Blocks of torch's allocator would hide accesses past a tensor's end.
    bare = (("PYTORCH_NO_CUDA_MEMORY_CACHING", "1"),)

    def sanitized(name: str, tool: str, environment: Environment) -> Phase:
        command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "1", *every]
        needs = "compute-sanitizer"
        return Phase(name, command, 150, "sanitizer.log", needs, environment=environment)

    rows = ["--output", str(out / "rows.jsonl"), "--device", device, "--quick"]

    def benchmark(name: str, environment: Environment = ()) -> Phase:
        seconds, names = BENCHMARKS[name] if cuda else (120, ["kl_normal"])
        command = [PYTHON, "-m", "benchmarks", *names, *rows]
        return Phase(f"benchmark {name}", command, seconds, "benchmarks.log", "", environment)

    # Bad accesses are looked for before anything is timed. What the emulator looks for too, and
    # kernels that have to be asked for, come last.
    first, *others = [sanitized(tool, tool, bare) for tool in TOOLS]
    if not cuda:
        return [*found, first, *others, benchmark("kl")]
    found.append(first)
    found += [benchmark(name) for name in BENCHMARKS if name not in ASKED]
    found += others
    command = [*plain, PRECISION_TESTS, "-m", "cuda", "--maxfail", "3"]
    found.append(Phase("wgmma check", command, 120, "tests.log", environment=WGMMA))
    found.append(sanitized("wgmma sanitized", "memcheck", bare + WGMMA))
    found += [benchmark(name, environment) for name, environment in ASKED.items()]
    return found


def run(phase: Phase, out: Path, left: float = math.inf) -> Result:
    """The phase's command with its output in its log; killed with all it started at its limit.

    `left` are the seconds that the session has left.
    """
    if left < 10:
        return Result(phase.name, "no time", 0.0, "the session's --seconds are over")
    if phase.needs and shutil.which(phase.needs) is None:
        return Result(phase.name, "absent", 0.0, f"no {phase.needs} on the PATH")
    log = out / phase.log
    environment = {**os.environ, **dict(phase.environment), "PYTHONUNBUFFERED": "1"}
    began = time.monotonic()
    with log.open("ab") as file:
        file.write(f"\n=== {phase.name}: {' '.join(phase.command)}\n".encode())
        file.flush()
        start = file.tell()
        try:
            process = subprocess.Popen(
                phase.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return Result(phase.name, "absent", 0.0, str(error))
        try:
            verdict = "failed" if process.wait(min(phase.seconds, left)) else "ok"
        except subprocess.TimeoutExpired:
            verdict = "timed out"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    seconds = time.monotonic() - began
    lines = log.read_bytes()[start:].decode(errors="replace").split("\n")
    return Result(phase.name, verdict, seconds, next((x for x in reversed(lines) if x.strip()), ""))


def summary(results: list[Result]) -> str:
    """One line a phase."""
    return "\n".join(
        f"{r.name:22} {r.verdict:10} {r.seconds:6.0f} s  {r.last_line.strip()[:100]}"
        for r in results
    )


def name_rows(out: Path) -> None:
    """Add the rows of this call to the file named by the GPU, ready for benchmarks/results."""
    rows = out / "rows.jsonl"
    if not rows.exists() or not rows.stat().st_size:
        return
    from benchmarks.harness.machine import file_name

    text = rows.read_text(encoding="utf-8")
    machine = json.loads(text.splitlines()[0])["machine"]
    with (out / file_name(machine)).open("a", encoding="utf-8") as file:
        file.write(text)
    rows.unlink()


def chosen(wanted: str | None, known: list[Phase]) -> list[Phase]:
    """Phases whose names hold one of the words wanted; all of them without any."""
    words = [word for word in (wanted or "").split(",") if word]
    for word in words:
        if not any(word in phase.name for phase in known):
            names = ", ".join(phase.name for phase in known)
            raise SystemExit(f"no phase is called {word!r}; there are {names}")
    return [p for p in known if not words or any(word in p.name for word in words)]


def is_built() -> bool:
    """Whether an extension lies there; a machine that has been given back keeps none."""
    return any((ROOT / "ntm_fast").glob("_C*.so"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--phases", help="words of names, such as build,tests,memcheck,product")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "gpu-session"))
    parser.add_argument("--seconds", type=float, default=math.inf, help="what all may take")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    given = parser.parse_args(arguments)
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    known = phases(given.device, out)
    todo = chosen(given.phases, known)
    if not any(phase.name == "build" for phase in todo) and not is_built():
        todo = [*chosen("build", known), *todo]
    results: list[Result] = []
    end = time.monotonic() + given.seconds
    for phase in todo:
        results.append(run(phase, out, end - time.monotonic()))
        print(summary(results[-1:]), flush=True)
        (out / "summary.txt").write_text(summary(results) + "\n", encoding="utf-8")
    name_rows(out)
    print(f"\n{summary(results)}\n\nlogs and rows are in {out}")
    return int(any(result.verdict in ("failed", "timed out") for result in results))


if __name__ == "__main__":
    sys.exit(main())
