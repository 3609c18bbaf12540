"""What the README says works: its Python and its commands run, its tables are the measured ones."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import choose, discover
from ntm_fast.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
README, TEXTS = ROOT / "README.md", ROOT / "docs" / "texts.md"


def blocks(language: str, page: Path = README) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: Path = README) -> list[list[str]]:
    """The shell's lines, without comments."""
    lines = [line for block in blocks("sh", page) for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the text that the README speaks of."""
    random = np.random.default_rng(0)
    fields = ["apple pear plum cherry grape", "iron copper zinc silver nickel"]
    texts = [" ".join(random.choice(fields[d % 2].split(), 7)) for d in range(40)]
    (tmp_path / "documents.txt").write_text("\n".join(texts) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda p: p.name
)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:csrc|docs|ntm_fast|scripts|tests|benchmarks)/[\w./*<>]*)`", text)
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    missing = [name for name in named if "<" not in name and not any(ROOT.glob(name.rstrip("/")))]
    missing += [target for target in links if not (page.parent / target).exists()]
    assert not missing


def test_python_examples(folder: Path) -> None:
    scope: dict[str, Any] = {}  # one for all: later examples go on where earlier ones ended
    for number, block in enumerate(blocks("python")):
        exec(compile(block, f"README.md, example {number + 1}", "exec"), scope)
    assert scope["weight"].grad.isfinite().all()
    assert scope["alpha"].grad.isfinite().all()
    assert (folder / "another-model" / "model.json").is_file()


def test_ntm_fast_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = [words[1:] for words in commands() if words[0] == "ntm-fast"]
    assert {words[0] for words in ours} == {
        "corpus", "train", "topics", "infer", "evaluate", "info",
    }  # fmt: skip
    for words in ours:
        assert main(words) == 0, f"{words}: {capsys.readouterr().err}"
    assert (folder / "theta.csv").stat().st_size > 0


def test_the_page_on_texts_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = commands(TEXTS)
    assert len(lines) == 5
    for words in lines:
        assert words[0] == "ntm-fast"
        assert main(words[1:]) == 0, f"{words}: {capsys.readouterr().err}"
    assert (folder / "proportions.csv").read_text().splitlines()[0].endswith(",known_words")
    capsys.readouterr()
    scope: dict[str, Any] = {}
    for block in blocks("python", TEXTS):
        exec(compile(block, "docs/texts.md", "exec"), scope)
    assert scope["theta"].shape == (2, 2)
    assert "('C++', 'deep learning', 'iOS')" in capsys.readouterr().out


def test_the_page_on_callbacks_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs" / "callbacks.md"
    (line,) = commands(page)
    assert main(line[1:]) == 0, capsys.readouterr().err
    assert (folder / "watched" / "log.jsonl").is_file()
    capsys.readouterr()
    scope: dict[str, Any] = {}
    for block in blocks("python", page):
        exec(compile(block, "docs/callbacks.md", "exec"), scope)
    out = capsys.readouterr().out
    assert "epoch 3 of 3, ELBO" in out
    assert out.endswith("[1, 2, 3, 4]\n")


def test_make_targets_exist() -> None:
    targets = [words[1] for words in commands() if words[0] == "make"]
    assert targets
    for target in targets:
        dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr


def test_install_commands_are_those_of_make() -> None:
    made = (ROOT / "scripts" / "set_up.sh").read_text()
    requires = re.search(r"^requires = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.M)
    assert requires
    build = [part.strip().strip('"') for part in requires[1].split(",")]
    installs = [words[2:] for words in commands() if words[0].endswith("/pip")]
    assert build in installs
    assert '--editable ".[test,lint]"' in made
    assert ["--no-build-isolation", "-e", ".[test,lint]"] in installs
    assert f"TORCH ?= {installs[0][0]}" in (ROOT / "Makefile").read_text()


def test_benchmark_commands_name_what_there_is() -> None:
    ours = [words[1:] for words in commands() if words[0] == "python"]
    known = discover()
    for words in ours:
        if words[:2] == ["-m", "benchmarks"]:
            assert choose(words[2:], known)
        else:
            target = ["-m", words[1]] if words[0] == "-m" else [str(ROOT / words[0])]
            help_text = [sys.executable, *target, "--help"]
            assert subprocess.run(help_text, cwd=ROOT, capture_output=True).returncode == 0


def test_files_and_links_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_tables_are_the_measured_ones() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "readme_table.py"), "--check"]
    assert subprocess.run(script).returncode == 0, "run scripts/readme_table.py"
