"""scripts/set_up.sh says what is missing on a machine, and the package that has it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# By a substring of the question: the stand-in Python's answer, and the message that follows.
LACKS = {
    "version_info": ("exit 1", "is too old: Python 3.10 or newer is needed"),
    "sysconfig": ("echo /absent", "apt install python3-dev"),
    "import ensurepip": ("exit 1", "apt install python3-venv"),
}


def set_up(python: str, venv: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/set_up.sh", python, venv, "torch"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_current_python_is_enough() -> None:
    done = set_up(sys.executable)
    assert done.returncode == 0, done.stderr


def test_no_python() -> None:
    done = set_up("no-such-python")
    assert done.returncode == 1
    assert "no no-such-python on the PATH" in done.stderr


def test_no_compiler() -> None:
    done = set_up(sys.executable, CXX="no-such-compiler")
    assert done.returncode == 1
    assert "no C++ compiler (no-such-compiler)" in done.stderr
    assert "apt install g++" in done.stderr
    assert "dnf install gcc-c++" in done.stderr


@pytest.mark.parametrize("question", LACKS)
def test_python_lacks_something(question: str, tmp_path: Path) -> None:
    answer, expected = LACKS[question]
    python = tmp_path / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in\n*"{question}"*) {answer} ;;\n*virtualenv*) exit 1 ;;\n'
        f'*) exec {sys.executable} "$@" ;;\nesac\n'
    )
    python.chmod(0o755)
    tools = tmp_path / "bin"  # all that the script calls, and no virtualenv
    tools.mkdir()
    for tool in ("sh", "env", "dirname", "rm", "cat", "cksum", "c++"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    venv = tmp_path / "venv"
    done = set_up(str(python), str(venv), PATH=str(tools), CXX="c++")
    assert done.returncode == 1
    assert expected in done.stderr
    assert not venv.exists()


def test_packages_are_named_where_nothing_is_installed(tmp_path: Path) -> None:
    python = tmp_path / "python3"  # a Python with the standard library alone
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    done = set_up(str(python))
    assert done.returncode == 1
    assert "lacks: torch numpy" in done.stderr
