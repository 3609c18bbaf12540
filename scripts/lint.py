"""Checks the code's form: ruff, mypy --strict on the package, clang-format on csrc and tests."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def pinned_versions() -> dict[str, str]:
    """The tools' versions in pyproject.toml: others would format differently."""
    text = (ROOT / "pyproject.toml").read_text()
    (line,) = re.findall(r"^lint = \[(.*)\]$", text, flags=re.MULTILINE)
    return dict(re.findall(r'"([\w-]+)==([\w.]+)"', line))


def commands() -> dict[str, list[list[str]]]:
    ruff = [sys.executable, "-m", "ruff"]
    formatter = [str(Path(sys.executable).with_name("clang-format")), "--dry-run", "-Werror"]
    sources = sorted(
        str(path.relative_to(ROOT))
        for folder in ("csrc", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".h", ".cpp", ".cu", ".cuh")
    )
    return {
        "ruff": [[*ruff, "check", "--quiet", "."], [*ruff, "format", "--check", "--quiet", "."]],
        "mypy": [[sys.executable, "-m", "mypy"]],
        "clang-format": [[*formatter, *sources]],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-missing", action="store_true", help="run only the tools at hand")
    skip_missing = parser.parse_args().skip_missing
    failed = []
    pins = pinned_versions()
    for tool, runs in commands().items():
        try:
            found = version(tool)
        except PackageNotFoundError:
            found = "none"
        if found != pins[tool]:
            print(f"lint: {tool} {pins[tool]} is needed, found {found}", end="")
            print("; skipped" if skip_missing else "")
            failed += [] if skip_missing else [tool]
            continue
        print(f"lint: {tool}", flush=True)
        if [run for run in runs if subprocess.run(run, cwd=ROOT).returncode]:
            failed.append(tool)
    print(f"lint: {', '.join(failed)} failed" if failed else "lint: passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
