"""python -m benchmarks [name …]: checks what is measured, measures it, prints and saves rows.

A name is an op, `metrics`, `floor`, `training`, `inference`, `vocabulary`, `classical` or
`quality`; part of a name will do. Ratios are times over ntm_fast's own in the same run. With
--device cuda everything is measured on the GPU, peers and floors included. The exit code is 1 if a
check failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
CPU_ALONE = ("adam", "metrics", "inference", "classical")  # of what runs nowhere else
WHOLE = (
    "training",
    "inference",
    "vocabulary",
    "classical",
    "quality",
)  # not of one op: they come last


def discover(device: str = "cpu") -> dict[str, str]:
    """Names of a device's benchmarks and the modules that hold them, in the order to run."""
    found = {"floor": "benchmarks.floor"}
    for path in sorted(FOLDER.glob("ops/bench_*.py")):
        found[path.stem.removeprefix("bench_")] = f"benchmarks.ops.{path.stem}"
    for path in sorted(FOLDER.glob("bench_*.py")):
        found[path.stem.removeprefix("bench_")] = f"benchmarks.{path.stem}"
    present = [name for name in WHOLE if (FOLDER / f"{name}.py").exists()]
    found |= {name: f"benchmarks.{name}" for name in present}
    alone = () if device == "cpu" else CPU_ALONE
    return {name: module for name, module in found.items() if name not in alone}


def choose(wanted: list[str], known: dict[str, str]) -> list[str]:
    """Benchmarks whose names hold one of the words wanted; all of them if none is."""
    for word in wanted:
        if not any(word in name for name in known):
            raise SystemExit(f"no benchmark is called {word!r}; there are {', '.join(known)}")
    exact = [name for name in known if name in wanted]
    parts = [word for word in wanted if word not in known]
    return [n for n in known if not wanted or n in exact or any(part in n for part in parts)]


def numbers(text: str) -> list[int]:
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = [0]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected numbers >= 1 such as 1,2")
    return values


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="all of them unless named")
    cores = len(os.sched_getaffinity(0))
    both = [1, cores] if cores > 1 else [1]
    parser.add_argument("--threads", type=numbers, help="such as 1,2")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--output", type=Path, help="JSON lines; benchmarks/results/… unless given")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that all works")
    parser.add_argument("--profile", action="store_true", help="list the kernels of our rows")
    parser.add_argument("--list", action="store_true", help="print the names")
    given = parser.parse_args()
    # On a GPU the threads are those that launch, and there is nothing to compare.
    given.threads = given.threads or ([cores] if given.device == "cuda" else both)
    return given


def main() -> int:
    given = arguments()
    os.environ["NTM_FAST_BENCHMARK_DEVICE"] = given.device
    for wanted, name in ((given.quick, "QUICK"), (given.profile, "PROFILE")):
        if wanted:
            os.environ[f"NTM_FAST_BENCHMARK_{name}"] = "1"
    known = discover(given.device)
    if given.list:
        print("\n".join(known))
        return 0
    chosen = choose(given.names, known)

    import torch
    from rich.console import Console

    from benchmarks import device, machine, table
    from benchmarks.rows import DISAGREEMENTS

    device.use()
    header = machine.describe()
    output = given.output or FOLDER / "results" / machine.file_name(header)
    output.parent.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    console.print("  ".join(f"{name} {value}" for name, value in header.items()), soft_wrap=True)
    failed = []
    with open(output, "a", encoding="utf-8") as file:
        for name in chosen:
            rows: list[dict[str, Any]] = []
            began = time.perf_counter()
            for threads in given.threads:
                torch.set_num_threads(threads)
                torch.manual_seed(0)
                try:
                    for row in importlib.import_module(known[name]).run(threads):
                        rows.append(row)  # and kept, should this be ended early
                        line = {"benchmark": name, **row, "machine": header}
                        file.write(json.dumps(line) + "\n")
                        file.flush()
                except Exception as error:
                    failed.append(name)
                    traceback.print_exc()
                    console.print(f"{name}, {threads} threads: FAILED: {error}", markup=False)
                    break
            if DISAGREEMENTS:
                failed.append(name)
                DISAGREEMENTS.clear()
            took = time.perf_counter() - began
            console.print(table.table(f"\n{name} ({took:.0f} s)", rows), soft_wrap=False)
    console.print(f"\nrows saved to {output}", soft_wrap=True)
    if failed:
        console.print(f"FAILED: {', '.join(failed)}", markup=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
