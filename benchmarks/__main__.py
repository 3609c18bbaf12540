"""python -m benchmarks [name …]: checks what is measured, measures it, prints and saves rows.

A name is an op, `metrics`, `floor`, `training`, `inference`, `vocabulary`, `classical` or
`quality`; part of a name is enough. Ratios are times over ntm_fast's own in the same run. With
--device cuda everything is measured on the GPU, peers and floors included. Rows are printed and
saved as they come. The exit code is 1 if a check failed, 130 after Ctrl-C.

    python -m benchmarks COMMAND [--help]

runs a command with options of its own: `quality`, `figurnov` and `stop_words` are studies,
`regression` compares two files of rows, `pages` makes the documentation's tables of them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from pathlib import Path

from benchmarks import ops

ALONE = ("adam", "metrics", "inference", "classical")  # on the CPU alone
WHOLE = ("training", "inference", "vocabulary", "classical", "quality")  # not of one op: the last
COMMANDS = {
    "quality": "benchmarks.studies.quality",
    "figurnov": "benchmarks.studies.figurnov",
    "stop_words": "benchmarks.studies.stop_words",
    "regression": "benchmarks.regression",
    "pages": "benchmarks.harness.pages",
}


def discover(device: str = "cpu") -> dict[str, tuple[str, str]]:
    """Names of a device's benchmarks with module and function of each, in the order to run."""
    found = {"floor": ("benchmarks.harness.timing", "run")}
    found |= {name: (f"benchmarks.ops.{module}", name) for name, module in ops.TABLE.items()}
    found |= {name: (f"benchmarks.studies.{name}", "run") for name in WHOLE}
    alone = () if device == "cpu" else ALONE
    return {name: place for name, place in found.items() if name not in alone}


def choose(wanted: list[str], known: dict[str, tuple[str, str]]) -> list[str]:
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
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="default: all of them")
    cores = len(os.sched_getaffinity(0))
    both = [1, cores] if cores > 1 else [1]
    parser.add_argument("--threads", type=numbers, help="such as 1,2")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--output", type=Path, help="JSON lines; default: benchmarks/results/…")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that all works")
    parser.add_argument("--profile", action="store_true", help="list the kernels of our rows")
    parser.add_argument("--list", action="store_true", help="print the names")
    given = parser.parse_args()
    # On a GPU the threads are those that launch, and there is nothing to compare.
    given.threads = given.threads or ([cores] if given.device == "cuda" else both)
    return given


def measure(given: argparse.Namespace) -> int:
    """Run the benchmarks that are named; the exit code."""
    import torch

    from benchmarks.harness import machine
    from benchmarks.harness.results import Output
    from benchmarks.harness.rows import DISAGREEMENTS

    known = discover(given.device)
    chosen = choose(given.names, known)
    machine.use()
    output = Output(given.output)
    output.describe()
    failed = []
    for name in chosen:
        module, function = known[name]
        began = time.perf_counter()
        output.title(name)
        for threads in given.threads:
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            try:
                for row in getattr(importlib.import_module(module), function)(threads):
                    output.add(name, row)
            except KeyboardInterrupt:
                print(f"\nended early; rows saved to {output.path}")
                return 130
            except Exception as error:
                failed.append(name)
                traceback.print_exc()
                print(f"{name}, {threads} threads: FAILED: {error}")
                break
        if DISAGREEMENTS:
            failed.append(name)
            DISAGREEMENTS.clear()
        print(f"({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"\nrows saved to {output.path}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        command = importlib.import_module(COMMANDS[sys.argv[1]])
        return int(command.main(sys.argv[2:]))
    given = arguments()
    os.environ["NTM_FAST_BENCHMARK_DEVICE"] = given.device
    for wanted, name in ((given.quick, "QUICK"), (given.profile, "PROFILE")):
        if wanted:
            os.environ[f"NTM_FAST_BENCHMARK_{name}"] = "1"
    if given.list:
        print("\n".join(discover(given.device)))
        return 0
    return measure(given)


if __name__ == "__main__":
    sys.exit(main())
