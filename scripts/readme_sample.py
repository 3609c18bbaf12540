"""Writes the topics that README.md shows as they are printed, or checks them.

    python scripts/readme_sample.py [--check]

Runs the sample's command. A comment above the sample notes on what it was printed. With the same
processor, torch and corpus the lines have to be the same; elsewhere rounding and the libraries'
docstrings differ, and most of the topics have to be recognisable.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ntm_fast._build_info import build_info, cpu_name  # noqa: E402

README = ROOT / "README.md"
SAMPLE = re.compile(
    r"<!-- printed on (?P<machine>[^\n]*) -->\n"
    r"```text\n\$ ntm-fast (?P<command>[^\n]*)\n(?P<text>.*?)```\n",
    re.DOTALL,
)
SHOWN = 8  # topics; a line of … stands for the others
# Elsewhere this many of them have to share this many words of ten with a printed topic. Another
# seed gives 6 such topics of 10, words shuffled over the topics 0 to 3.
RECOGNISED, SHARED = 4, 3


def topic(line: str) -> set[str]:
    """The words of a line that is a number and ten words; otherwise none."""
    return set(line.split()[1:]) if re.fullmatch(r" *\d+ (?: \S+){10}", line) else set()


def extract(output: str) -> list[str]:
    """What is shown of the output: the topics' heading and the first of them."""
    lines = output.splitlines()
    first = next(n for n, line in enumerate(lines) if topic(line))
    return [*lines[first - 2 : first + SHOWN], " …"]


def machine(output: str) -> str:
    """What the topics depend on besides the code: corpus, torch, processor."""
    corpus = re.search(r"Corpus\(.*\)", output)
    where = f"{cpu_name()} ({build_info().cpu_level}), torch {torch.__version__}"
    return f"{where}, {corpus[0] if corpus else 'no corpus'}"


def differences(sample: list[str], same_machine: bool, output: str) -> list[str]:
    """What the sample says that the output does not; seconds may differ."""
    now, lines = (
        [re.sub(r"in \d+ s,", "in N s,", line) for line in text]
        for text in (extract(output), sample)
    )
    wrong = [f"{b!r}, not {a!r}" for a, b in zip_longest(now, lines) if a != b]
    if same_machine:
        return wrong
    topics = [topic(line) for line in output.splitlines()]
    shown = [topic(line) for line in lines if topic(line)]
    known = sum(any(len(words & other) >= SHARED for other in topics) for words in shown)
    heading = wrong if now[0] != lines[0] or len(now) != len(lines) else []
    return heading + [f"only {known} of {SHOWN} topics"] * (known < RECOGNISED)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    sample = SAMPLE.search(text)
    assert sample, "README.md has no sample"
    call = [sys.executable, "-m", "ntm_fast", *sample["command"].split()]
    output = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = differences(sample["text"].splitlines(), sample["machine"] == machine(output), output)
    print(*found, sep="\n", end="\n" if found else "")
    if not check:
        new = "\n".join([f"$ ntm-fast {sample['command']}", *extract(output)])
        shown = f"<!-- printed on {machine(output)} -->\n```text\n{new}\n```\n"
        README.write_text(text.replace(sample[0], shown), encoding="utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
