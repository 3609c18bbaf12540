"""README and docs tell the truth: examples and commands run, tables and topics are real."""

import gzip
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from ntm_fast.__main__ import main
from scripts import readme_sample

ROOT = Path(__file__).resolve().parents[2]
README, CONTRIBUTING, DOCS = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs"
RUN = [README, *(DOCS / f"{name}.md" for name in ("models", "texts", "callbacks"))]  # by this file
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]


def blocks(language: str, page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: Path, program: str) -> list[list[str]]:
    """The shell's lines that call a program, also behind a pipe or &&, without comments."""
    lines = "".join(blocks("sh", page)).splitlines()
    parts = [part for line in lines for part in re.split(r" \| | && ", line.partition("  #")[0])]
    split = [shlex.split(part, comments=True) for part in parts]
    return [words for words in split if words and Path(words[0]).name == program]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the text that the README speaks of."""
    random = np.random.default_rng(0)
    fields = ["apple pear plum cherry grape", "iron copper zinc silver nickel"]
    texts = [" ".join(random.choice(fields[d % 2].split(), 7)) for d in range(40)]
    (tmp_path / "documents.txt").write_text("\n".join(texts) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:csrc|docs|ntm_fast|scripts|tests|benchmarks)/[\w./*<>]*)`", text)
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    missing = [name for name in named if "<" not in name and not any(ROOT.glob(name.rstrip("/")))]
    missing += [target for target in links if not (page.parent / target).exists()]
    assert not missing


def test_readme_is_one_page() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


def test_topics_in_the_readme_are_printed() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "readme_sample.py"), "--check"]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"run scripts/readme_sample.py; README.md has\n{done.stdout}"


def test_other_topics_in_the_readme_are_found() -> None:
    sample = readme_sample.SAMPLE.search(README.read_text(encoding="utf-8"))
    assert sample
    lines = sample["text"].splitlines()
    output = "\n".join(["epoch 1", *lines])
    topics = [n for n, line in enumerate(lines) if readme_sample.topic(line)]
    assert len(topics) == readme_sample.SHOWN
    others = [f" {n}  a b c d e f g h i j" if n in topics else line for n, line in enumerate(lines)]
    for same_machine in (True, False):
        assert not readme_sample.differences(lines, same_machine, output)
        for wrong in (others, lines[1:], [lines[0].replace("20", "30"), *lines[1:]]):
            assert readme_sample.differences(wrong, same_machine, output)
    one_word = [*lines[:2], lines[2].replace(lines[2].split()[-1], "elephant"), *lines[3:]]
    assert readme_sample.differences(one_word, True, output)
    assert not readme_sample.differences(one_word, False, output)


def test_every_page_is_run_by_a_test() -> None:
    """By this file, or by one that names the page."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for page in PAGES:
        if blocks("python", page) or commands(page, "ntm-fast"):
            assert page in RUN or page.name in tests, f"no test runs {page.name}"


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.name)
def test_examples_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gzip.open(folder / "documents.gz", "wb") as file:
        file.write((folder / "documents.txt").read_bytes())
    for words in commands(page, "ntm-fast"):
        if words[1:3] == ["corpus", "-"]:
            shell = "".join(blocks("sh", page))
            (line,) = [line for line in shell.splitlines() if " | " in line]
            ours = line.replace("ntm-fast", f"{shlex.quote(sys.executable)} -m ntm_fast")
            subprocess.run(["bash", "-o", "pipefail", "-c", ours], check=True)
        elif words[1] != "demo":  # see test_topics_in_the_readme_are_printed
            assert main(words[1:]) == 0, f"{words}: {capsys.readouterr().err}"
    scope: dict[str, Any] = {}  # one for all: later examples go on where earlier ones ended
    for number, block in enumerate(blocks("python", page)):
        exec(compile(block, f"{page.name}, example {number + 1}", "exec"), scope)
    printed = capsys.readouterr().out
    if page == README:
        assert (folder / "theta.csv").stat().st_size > 0
        assert scope["weight"].grad.isfinite().all()
        assert scope["alpha"].grad.isfinite().all()
    elif page.name == "models.md":
        assert "NPMI" in printed
        assert "ldavae" in printed.lower()
    elif page.name == "callbacks.md":
        assert (folder / "watched" / "log.jsonl").is_file()
        assert "epoch 3 of 3, ELBO" in printed
        assert printed.endswith("[1, 2, 3, 4]\n")
    else:
        assert (folder / "proportions.csv").read_text().splitlines()[0].endswith(",known_words")
        assert scope["theta"].shape == (2, 2)
        assert "('C++', 'deep learning', 'iOS')" in printed


def test_the_demo_of_the_readme_is_the_one_that_is_shown() -> None:
    sample = readme_sample.SAMPLE.search(README.read_text(encoding="utf-8"))
    assert sample
    assert sample["command"].split() in [words[1:] for words in commands(README, "ntm-fast")]


def test_pip_can_install_the_clone() -> None:
    """Up to the compiler's work, which the extension of these tests has behind it."""
    pytest.importorskip("pip")
    assert [words[2:] for words in commands(README, "pip")] == [["torch"], ["."]]
    offline = ["--dry-run", "--no-deps", "--no-build-isolation", "--no-index"]
    call = [sys.executable, "-m", "pip", "install", *offline, "."]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert "Would install ntm_fast" in done.stdout.replace("ntm-fast", "ntm_fast"), done.stderr


def test_make_targets_exist() -> None:
    targets = [words[1] for words in commands(CONTRIBUTING, "make")]
    assert targets
    for target in targets:
        dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr


def test_install_commands_are_those_of_make() -> None:
    made = (ROOT / "scripts" / "set_up.sh").read_text()
    requires = re.search(r"^requires = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.M)
    assert requires
    build = [part.strip().strip('"') for part in requires[1].split(",")]
    installs = [words[2:] for words in commands(CONTRIBUTING, "pip")]
    assert build in installs
    assert '--editable ".[test,lint]"' in made
    assert ["--no-build-isolation", "-e", ".[test,lint]"] in installs
    assert f"TORCH ?= {installs[0][0]}" in (ROOT / "Makefile").read_text()


def test_python_commands_name_what_there_is() -> None:
    ours = [words[1:] for words in commands(CONTRIBUTING, "python")]
    known = benchmarks.discover()
    assert len(ours) > 8
    for words in ours:
        if words[:2] == ["-m", "benchmarks"] and words[2:3] and words[2] in benchmarks.COMMANDS:
            help_text = [sys.executable, *words[:3], "--help"]
            assert subprocess.run(help_text, cwd=ROOT, capture_output=True).returncode == 0
        elif words[:2] == ["-m", "benchmarks"]:
            assert benchmarks.choose(words[2:], known)
        else:
            assert words[0] == "-m" or (ROOT / words[0]).is_file()


def test_tables_are_the_measured_ones() -> None:
    script = [sys.executable, "-m", "benchmarks", "pages", "--check"]
    assert subprocess.run(script, cwd=ROOT).returncode == 0, "run python -m benchmarks pages"
