"""The command line: what each command prints, writes and answers to bad input."""

import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntm_fast import ProdLDA
from ntm_fast.__main__ import main
from ntm_fast.cli.support import MODELS, model_named
from ntm_fast.data import Corpus, read
from ntm_fast.models import Loss
from ntm_fast.settings import SETTINGS
from ntm_fast.training import RECIPES, Trainer

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "demo",
    "corpus",
    "train",
    "topics",
    "infer",
    "evaluate",
    "compare",
    "gradients",
    "info",
    "settings",
]
SMALL = ["--topics", "3", "--epochs", "2", "--batch-size", "16", "--threads", "1"]
FRUIT, METAL = "apple pear plum cherry grape", "iron copper zinc silver nickel"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("text") / "documents.txt"
    words = [(FRUIT if d % 2 else METAL).split() for d in range(60)]
    path.write_text("".join(" ".join(random.choice(w, 8)) + "\n" for w in words))
    return path


@pytest.fixture(scope="module")
def model(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    assert main(["train", str(text), "--output", str(folder), *SMALL]) == 0
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Example: ntm-fast {name}" in capsys.readouterr().out


def test_lines_of_a_help_are_as_long_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["train", "--help"]) == 0
    assert "the run's state is saved to OUTPUT.checkpoint, which is" in capsys.readouterr().out


def test_options(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    options = ["--option", "kl_schedule=linear", "--option", "topic_dropout=0.1", "--background"]
    assert main(["train", str(text), "--output", str(out), *SMALL, *options]) == 0
    saved = json.loads((out / "model.json").read_text())
    assert (saved["settings"]["topic_dropout"], saved["settings"]["background"]) == (0.1, True)
    assert saved["parameters"]["kl_schedule"] == "linear"
    for wrong, message in (("x", "expected NAME=VALUE"), ("x=1", "'x', which is no setting")):
        arguments = ["train", str(text), "--output", f"{out}2", "--option", wrong]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_a_vocabulary_smaller_than_what_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "few.txt", tmp_path / "model"
    text.write_text("red green\nred blue\ngreen blue\n" + "black\n" * 3)
    arguments = ["--topics", "2", "--epochs", "1", "--option", "validation_fraction=0"]
    assert main(["train", str(text), "--output", str(out), *arguments]) == 0
    assert f"1 epoch; saved to {out}" in capsys.readouterr().out
    assert main(["topics", str(out)]) == 0
    assert [len(line.split()) for line in capsys.readouterr().out.splitlines()] == [5, 5]
    assert main(["topics", str(out), "--n", "5"]) == 2
    assert "n is 5; expected >= 1 and <= 4" in capsys.readouterr().err


def test_help_does_not_load_torch() -> None:
    code = "import sys; from ntm_fast.__main__ import main; main(['train', '--help'])\n"
    code += "assert not {'torch', 'numpy', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert all(name in capsys.readouterr().out for name in COMMANDS[:1])


def test_output_that_cannot_hold_all_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["gradients", "--draws", "2", "--topics", "3", "--schemes", "implicit"]) == 0
    assert "bias ? error" in stdout.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]


def test_corpus(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "corpus"
    stop = tmp_path / "stop.txt"
    stop.write_text("apple\niron\n")
    options = ["--max-df", "1.0", "--stop-words", str(stop), "--json"]
    assert main(["corpus", str(text), *options, "--output", str(out)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["documents"], facts["words"]) == (60, 8)
    assert main(["corpus", str(out)]) == 0
    assert "60" in capsys.readouterr().out
    assert main(["corpus", str(text), "--output", str(out)]) == 2
    assert main(["corpus", str(text), "--output", str(out), "--overwrite"]) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_of_words(encoding: str, text: Path, tmp_path: Path) -> None:
    """The first word counts, byte order mark or not."""
    words = tmp_path / "words.txt"
    words.write_text("apple\niron\n", encoding=encoding)
    for option, left in (("--stop-words", 8), ("--vocabulary", 2)):
        out = tmp_path / option
        assert main(["corpus", str(text), option, str(words), "--output", str(out)]) == 0
        vocabulary = Corpus.load(out).vocabulary
        assert len(vocabulary) == left
        assert ("apple" in vocabulary) == (option == "--vocabulary")


def test_corpus_of_standard_input(text: Path, tmp_path: Path) -> None:
    """It is counted without torch, and one line shows the progress."""
    code = "import sys; from ntm_fast.__main__ import main; from ntm_fast.cli import support\n"
    code += "support.SECONDS_BETWEEN_LINES = 0\n"
    code += "assert main(sys.argv[1:]) == 0; assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, "corpus", "-", "--output", str(tmp_path / "c")]
    with text.open() as lines:
        done = subprocess.run(command, cwd=ROOT, stdin=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"60 documents read in \d+ s\n", done.stderr)
    assert "saved to" in done.stdout
    assert main(["corpus", str(text), "--output", str(tmp_path / "d"), "--workers", "1"]) == 0
    assert Corpus.load(tmp_path / "c") == Corpus.load(tmp_path / "d")


def test_topics(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", str(model), "--n", "4", "--json"]) == 0
    topics = json.loads(capsys.readouterr().out)
    assert [row["topic"] for row in topics] == [0, 1, 2]
    assert all(len(row["words"]) == 4 for row in topics)
    assert main(["topics", str(model), "--n", "4"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.split() == ["0", *topics[0]["words"]]
    assert main(["topics", str(model), "--n", "4", "--relevance", "1", "--json"]) == 0
    by_probability = [row["words"] for row in json.loads(capsys.readouterr().out)]
    assert by_probability == ProdLDA.load(model).top_words(4, relevance=1)
    assert main(["topics", str(model), "--relevance", "2"]) == 2
    assert "relevance is 2.0; expected a number in [0, 1]" in capsys.readouterr().err


def test_infer(model: Path, text: Path, tmp_path: Path) -> None:
    binary, table = tmp_path / "theta.npz", tmp_path / "theta.csv"
    saved = tmp_path / "corpus"
    assert main(["corpus", str(text), "--output", str(saved), "--max-features", "9"]) == 0
    assert main(["infer", str(model), str(text), "--output", str(binary)]) == 0
    assert main(["infer", str(model), str(saved), "--output", str(table)]) == 0
    theta = np.load(binary)["theta"]
    assert theta.shape == (60, 3)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
    with open(table, newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["document", "topic_0", "topic_1", "topic_2", "known_words"]
    assert len(rows) == 60
    assert {row[-1] for row in rows} == {"1"}


def test_a_pipe_a_file_and_its_gz_are_counted_alike(model: Path, tmp_path: Path) -> None:
    lines = "apple pear the plum\n\niron unheard-of copper\nxyzzy\n"
    (tmp_path / "few.txt").write_text(lines)
    (tmp_path / "few.txt.gz").write_bytes(gzip.compress(lines.encode()))
    written = []
    for number, source in enumerate(("few.txt", "few.txt.gz", "-")):
        output = tmp_path / f"{number}.csv"
        command = [sys.executable, "-m", "ntm_fast", "infer", str(model), source]
        done = subprocess.run(
            [*command, "--output", str(output)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=lines,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "4 documents, 71.4% of words known, 2 without a known word" in done.stderr
        written.append(output.read_bytes())
    assert written[0] == written[1] == written[2]
    known = [row["known_words"] for row in csv.DictReader(io.StringIO(written[0].decode()))]
    assert known == ["1", "0", "0.6667", "0"]


def test_texts_are_counted_as_the_corpus_was(tmp_path: Path) -> None:
    names = ["M3 iOS Mac", "DNA p53 T7"]
    (tmp_path / "d.txt").write_text("".join(f"{names[d % 2]}\n" for d in range(60)))
    how = ["--token-pattern", r"\S+", "--no-lowercase", "--stop-words", "none", "--max-df", "1.0"]
    corpus, model = str(tmp_path / "c"), str(tmp_path / "m")
    assert main(["corpus", str(tmp_path / "d.txt"), *how, "--output", corpus]) == 0
    assert main(["train", corpus, *SMALL, "--output", model]) == 0
    for source in (corpus, str(tmp_path / "d.txt")):
        assert main(["infer", model, source, "--output", f"{source}.csv"]) == 0
    assert Path(f"{corpus}.csv").read_text() == (tmp_path / "d.txt.csv").read_text()


def test_what_is_far_from_the_model_is_told(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zh.txt").write_text("此选项会覆盖帮助消息\n" * 5)
    output = ["--output", str(tmp_path / "t.csv")]
    assert main(["infer", str(model), str(tmp_path / "zh.txt"), *output]) == 0
    printed = capsys.readouterr().err
    assert "5 documents, 0.0% of words known, 5 without a known word" in printed
    assert "ntm-fast: warning: 0.0% of the words of these documents are known" in printed
    out = ["--output", str(tmp_path / "m")]
    for command in (["infer", str(model), str(model), *output], ["train", str(model), *out]):
        assert main(command) == 2
        assert "is a saved model, not documents" in capsys.readouterr().err


def test_a_tokenizer_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.txt").write_text("a-b c-d\nc-d e-f\n" * 20)
    corpus, model = str(tmp_path / "c"), str(tmp_path / "m")
    (tmp_path / "of_mine.py").write_text("def split(text):\n    return text.split('-')\n")
    command = [str(Path(sys.executable).parent / "ntm-fast"), "corpus", "d.txt", "--max-df", "1.0"]
    if Path(command[0]).exists():  # whose own folder is not the current one
        done = subprocess.run(
            [*command, "--tokenizer", "of_mine:split"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "the function of_mine:split" in done.stdout
    how = ["--tokenizer", "shlex:split", "--max-df", "1.0"]
    assert main(["corpus", str(tmp_path / "d.txt"), *how, "--output", corpus]) == 0
    assert Corpus.load(corpus).vocabulary == ("a-b", "c-d", "e-f")
    assert main(["train", corpus, *SMALL, "--output", model]) == 0
    infer = ["infer", model, str(tmp_path / "d.txt"), "--output", str(tmp_path / "t.csv")]
    capsys.readouterr()
    assert main(infer) == 2
    assert "'shlex:split', which is not run because a file names it" in capsys.readouterr().err
    assert main([*infer, "--tokenizer", "shlex:split"]) == 0
    assert "100.0% of words known" in capsys.readouterr().err
    assert main([*infer, "--token-pattern", "[a-z]"]) == 0, "asks for no tokenizer"
    assert capsys.readouterr().err.count("0.0% of the words of these documents") == 1


def test_a_list_of_words_is_in_utf_8(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_bytes("für".encode("latin-1"))
    for option in ("--stop-words", "--vocabulary"):
        how = [option, str(tmp_path / "words.txt"), "--encoding", "latin-1"]
        assert main(["corpus", str(text), *how]) == 2
        told = capsys.readouterr().err
        assert "words.txt: cannot decode byte 0xfc on line 1" in told
        assert "expected a file in UTF-8" in told
        assert "--encoding" not in told


def test_columns_and_encodings(tmp_path: Path) -> None:
    table, folder = tmp_path / "reviews.csv", tmp_path / "model"
    rows = [f"{d},{(FRUIT if d % 2 else METAL)} café" for d in range(30)]
    table.write_text("\n".join(["id,review", *rows]), encoding="latin-1")
    how = ["--column", "review", "--encoding", "latin-1"]
    assert main(["train", str(table), *how, *SMALL, "--output", str(folder)]) == 0
    assert main(["infer", str(folder), str(table), *how, "--output", f"{folder}.csv"]) == 0
    assert main(["evaluate", str(folder), str(table), *how]) == 0
    assert main(["compare", str(table), *how, *SMALL[:4], "--models", "nvlda"]) == 0
    for recorded in (["evaluate"], ["infer", "--output", f"{folder}.csv"]):
        command, *options = recorded
        assert main([command, str(folder), str(table), *options]) == 0
    assert main(["corpus", str(table), "--column", "review"]) == 2


def test_evaluate(model: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(model), str(text), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert -1 <= facts["NPMI of the top 10 words"] <= 1
    assert facts["perplexity, held out words"] > 1
    assert main(["evaluate", str(model), str(text)]) == 0
    assert "topics are in effective use" in capsys.readouterr().out


def test_compare(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    options = ["--topics", "3", "--epochs", "2", "--threads", "1", "--output", str(table)]
    assert main(["compare", str(text), "--models", "ProdLDA,dirichlet-vae,whai", *options]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["model", "epochs", "seconds"]
    models = ["ProdLDA", "DirichletVAE", "WHAI"]
    assert [line.split()[:2] for line in lines[:3]] == [[model, "2"] for model in models]
    assert any(line.startswith("per doc: WHAI's bound") for line in lines[3:])
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == models
    for row in rows:
        assert float(row["perplexity"]) > 1
        assert -1 <= float(row["npmi"]) <= 1
        assert float(row["peak_megabytes"]) > 50
        assert 0 <= int(row["leading_topics"]) <= 3


def test_models_have_old_names_too() -> None:
    assert model_named("Inverse-CDF", "--model") == "DirichletVAEInverseCDF"


@pytest.mark.parametrize("name", MODELS)
def test_settings_of_a_model(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", name.lower(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {**found["settings"], **found["training"]}
    assert list(rows) == list(SETTINGS)
    values = RECIPES[name].as_dict()
    assert rows["learning_rate"]["value"] == values["learning_rate"]
    assert main(["settings", name.lower()]) == 0
    printed = capsys.readouterr().out
    for setting, row in rows.items():
        listed = re.search(rf"^{setting} +(.+?)  +{re.escape(row['type'])}$", printed, re.M)
        assert (listed is not None) == row["used"], setting
        if listed is not None:  # as --option takes it
            read = SETTINGS[setting].parse(setting, listed[1])
            assert read == (tuple(row["value"]) if isinstance(read, tuple) else row["value"])
        else:
            assert re.search(rf"^not used by this model: [^:]*\b{setting}\b", printed, re.M)


def test_settings_lists_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    assert re.search(r"^whai +weibull, poisson$", capsys.readouterr().out, re.M)
    assert main(["settings", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(MODELS)


def test_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["gradients", "--draws", "200", "--topics", "4", "--words", "20"]
    assert main([*small, "--schemes", "implicit,inverse-cdf", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["scheme"] for row in rows] == ["implicit", "inverse-cdf"]
    assert all(row["variance"] > 0 for row in rows)
    assert main([*small, "--posterior", "sparse"]) == 0
    assert "score-function" in capsys.readouterr().out


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["extension"] is True


def test_info_of_a_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    saved = json.loads((model / "model.json").read_text())
    assert found["paragraph"].startswith("We trained ProdLDA (Srivastava & Sutton, ")
    names = ("settings", "training", "corpus", "environment", "seed", "epochs", "runs", "recipe")
    assert {name: found[name] for name in names} == {name: saved[name] for name in names}
    assert main(["info", str(model)]) == 0
    printed = capsys.readouterr().out
    text, facts = printed.split("\n\n")
    assert " ".join(text.split()) == found["paragraph"]
    assert re.search(r"^training, batch size +16$", facts, re.M)
    assert re.search(rf"^corpus, digest +{saved['corpus']['digest']}$", facts, re.M)


def test_info_of_a_model_is_read_from_one_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((model / "model.json").read_bytes())
    code = (
        "import sys; from ntm_fast.__main__ import main; "
        f"print(main(['info', {str(tmp_path)!r}, '--json']), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr


def test_info_shows_control_characters(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = json.loads((model / "model.json").read_text())
    fields["corpus"]["description"] = "Words\x1b]0;owned\x07"
    fields["settings"]["activation\x1b[2J"] = "soft\rplus"
    (tmp_path / "model.json").write_text(json.dumps(fields))
    assert main(["info", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", printed)
    assert r"Words\x1b]0;owned\x07" in printed
    assert r"soft\rplus" in printed


@pytest.mark.parametrize("arguments", [["prodlda"], ["--model", "ProdLDA"], ["--model=prod-lda"]])
def test_info_of_a_recipe(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["info", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    recipe = RECIPES["ProdLDA"]
    assert found["model"] == "ProdLDA"
    assert found["training"]["warm_up"]["value"] == recipe.training.warm_up
    assert found["settings"]["prior"]["value"] == recipe.model.prior
    assert found["settings"]["background"]["value"] is True  # as a product has it
    assert found["source"].startswith("Srivastava & Sutton")
    rows = [*found["settings"].values(), *found["training"].values()]
    assert all(row["meaning"] and row["value"] is not None for row in rows)
    assert main(["info", *arguments]) == 0
    assert re.search(
        r"^learning_rate +0.002 +float > 0\n +Adam's learning rate\.$",
        capsys.readouterr().out,
        re.M,
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_recipe_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--model", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: ")


def test_info_prefers_a_folder(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, tmp_path / "nvlda")
    assert main(["info", "nvlda"]) == 0
    assert capsys.readouterr().out.startswith("We trained ProdLDA")


BAD = {
    "train": "Missing argument",
    "nonsense": "No such command",
    "corpus {tmp}/absent.txt": "absent.txt does not exist",
    "corpus {text} --min-df often": "--min-df is 'often'",
    "corpus {text} --min-df 1000": "no words are left",
    "corpus {text} --column text": "takes no option 'column': read_text has none such",
    "train {text} --output {tmp}/m --column text": "takes no option 'column'",
    "train docstrings --output {tmp}/m --encoding latin-1": "takes no encoding",
    "corpus {text} --stop-words klingon": "--stop-words is 'klingon'",
    "corpus {text} --token-pattern ([": "token_pattern is '(['",
    "corpus {text} --encoding klingon": "encoding is 'klingon', which Python does not know",
    "corpus docstrings --min-df 3": "takes no min_df",
    "train {tmp}/absent.txt --output {tmp}/m": "absent.txt",
    "train {text} --output {model}": "--overwrite",
    "train {text} --output {tmp} --overwrite": "exists: it holds no model",
    "train {text} --output {tmp}/m --topics 0": "--topics",
    "train {text} --output {tmp}/m --model lda": "--model has 'lda'; expected prodlda, nvlda,",
    "train {text} --output {tmp}/m --learning-rate -1": "--learning-rate is -1.0; expected > 0",
    "train {text} --output {tmp}/m --option prior=x": "--option prior is 'x'; expected a number",
    "train {text} --output {tmp}/m --option diversty=1": "no setting: did you mean 'diversity'?",
    "train {text} --output {tmp}/m --option n_topics=3": "'n_topics'; expected --topics for that",
    "train {text} --output {tmp}/m --prior 1 --option prior=2": "'prior', which is given already",
    "train {text} --output {tmp}/m --option rsvi_boost=3": "rsvi_boost is 3, but posterior 'logis",
    "train {text} --output {tmp}/m --model gsm --prior 0.5": "--prior is 0.5, but posterior 'gauss",
    "settings lda": "NAME has 'lda'; expected prodlda, nvlda,",
    "train {text} --output {tmp}/m --device tpu": "device is 'tpu'",
    "train {text} --output {tmp}/m --resume": "no checkpoint to resume from",
    "topics {tmp}": "is not a saved model",
    "topics {model} --n 100": "100",
    "infer {model} {text} --output {tmp}/theta.xlsx": "expected a name that ends in .npz or .csv",
    "infer {model} {text} --output {tmp}/absent/t.csv": "absent is no folder: t.csv cannot be",
    "corpus {text} --output /proc/corpus": "ntm-fast: cannot save the corpus to /proc/corpus: No",
    "evaluate {model} {tmp}/empty.txt": "empty",
    "evaluate {model} {tmp}/latin.txt": "0xe9 on line 1 (byte 3 of the file) as utf-8: say which",
    "compare {text} --models lda": "--models has 'lda'; expected prodlda, nvlda,",
    "compare {text} --output {tmp}/table.xlsx": "expected .csv, .json or .jsonl",
    "gradients --schemes reinforce": "schemes is 'reinforce'; expected one of",
    "gradients --draws 1": "--draws",
    "info {tmp}/absent": "absent/model.json does not exist; expected a folder that `ntm-fast",
    "info {tmp}": "is not a saved model",
    "info --model lda": "--model has 'lda'; expected prodlda, nvlda,",
    "info {model} --model nvlda": "expected one of them",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input(
    line: str, text: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_text("café", encoding="latin-1")
    before = sorted(tmp_path.iterdir())
    assert main(line.format(tmp=tmp_path, text=text, model=model).split()) == 2
    printed = capsys.readouterr().err
    assert BAD[line] in printed
    assert len(printed.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main(["topics", str(tmp_path), "--debug"])


def test_interrupt_and_resume(text: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    epochs = 60
    train = ["train", str(text), *SMALL, "--epochs", str(epochs), "--output"]
    command = [sys.executable, "-m", "ntm_fast", *train, str(broken)]
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    checkpoint = tmp_path / "broken.checkpoint"
    while not checkpoint.exists() and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, printed = run.communicate(timeout=60)
    assert run.returncode == 130, printed
    assert f"saved to {checkpoint}; --resume continues" in printed
    assert main([*train, str(whole)]) == 0
    assert main([*train, str(broken)]) == 2, "a stopped run must not be lost by accident"
    assert main([*train, str(broken), "--resume"]) == 0
    assert not checkpoint.exists()
    name = "model.safetensors"
    assert (whole / name).read_bytes() == (broken / name).read_bytes()


FORKS = """
import json, os, sys
import ntm_fast.estimator, ntm_fast.studies.gradients, ntm_fast.metrics
from ntm_fast.__main__ import main

def become(source, *targets):
    for target in targets:
        os.dup2(source, target)

def run(arguments, end, errors):
    'One command in a fork, its streams as `end` says; what a reader saw, and the exit code.'
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        become(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
        if end in ("gone", "head"):
            become(write, 1)
        elif end == "errors gone":
            become(write, 1, 2)
        elif end == "full":
            become(os.open("/dev/full", os.O_WRONLY), 1)
        else:
            os.close(1)
            sys.stdout = None
            if end == "all closed":
                os.close(2)
                sys.stderr = None
        os.close(write)
        code = 70
        try:
            code = main(arguments)
        finally:
            os._exit(code)
    os.close(write)
    seen = b""
    while end == "head" and not seen.endswith(b"\\n") and (byte := os.read(read, 1)):
        seen += byte
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()

print(json.dumps([run(*case) for case in json.load(sys.stdin)]))
"""


def in_forks(cases: list[tuple[list[str], str, Path]]) -> list[tuple[int, str, str]]:
    """(exit code, what a reader saw, errors) of commands whose streams fail in some way."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        cwd=ROOT,
        input=json.dumps([(arguments, end, str(errors)) for arguments, end, errors in cases]),
        capture_output=True,
        text=True,
        check=True,
    )
    results = json.loads(done.stdout)
    told = [errors.read_text() for _, _, errors in cases]
    assert not any("Traceback" in text for text in told)
    return [(code, seen, text) for (code, seen), text in zip(results, told, strict=True)]


# A command, and the file that it makes.
MAKING = {
    "corpus {text} --output {out}/c": "c/corpus.json",
    f"train {{text}} --output {{out}}/m {' '.join(SMALL)}": "m/model.json",
    "infer {model} {text} --output {out}/t.csv --threads 1": "t.csv",
}
FULL = "ntm-fast: standard output: No space left on device"
ENDS = {"gone": 0, "head": 0, "errors gone": 0, "closed": 0, "all closed": 0, "full": 1}


def test_a_command_outlives_its_standard_output(text: Path, model: Path, tmp_path: Path) -> None:
    """`train … | head -1` never ends with 0 without the model, however its output is lost."""
    cases, files = [], []
    for number, line in enumerate(MAKING):
        for end in ENDS:
            out = tmp_path / f"{number} {end}"
            out.mkdir()
            command = line.format(text=text, model=model, out="OUT").split()
            arguments = [part.replace("OUT", str(out)) for part in command]
            cases.append((arguments, end, tmp_path / f"{number} {end}.txt"))
            files.append(out / MAKING[line])
    results = in_forks(cases)
    for (arguments, end, _), file, (code, seen, told) in zip(cases, files, results, strict=True):
        where = (arguments[0], end, told)
        assert code == ENDS[end] or (arguments[0] == "infer" and code == 0), where
        assert file.exists(), where
        assert not list(file.parents[1].glob("*.checkpoint")), where
        if code:
            assert told.endswith(f"{FULL}, all else is done\n"), where
        if arguments[0] != "infer":
            assert bool(seen) == (end == "head"), where


def test_a_command_that_only_prints(text: Path, model: Path, tmp_path: Path) -> None:
    """A reader that closes the pipe is no error; output that cannot be written is one."""
    lines = ["topics {model} --json", "info", "evaluate {model} {text}", "--help"]
    lines += ["gradients --draws 100 --topics 3 --words 9 --schemes implicit", "topics {text}"]
    cases = [
        (line.format(text=text, model=model).split(), end, tmp_path / f"{number} {end}")
        for number, line in enumerate(lines)
        for end in ENDS
    ]
    for (arguments, end, _), (code, seen, told) in zip(cases, in_forks(cases), strict=True):
        where = (arguments, end, told)
        if arguments == ["topics", str(text)]:  # bad input stays what it is
            assert code == 2, where
            assert ("not a saved model" in told) == (end not in ("all closed", "errors gone"))
            continue
        assert code == (0 if end in ("gone", "head", "errors gone") else 1), where
        assert bool(seen) == (end == "head"), where
        if end in ("full", "closed"):
            assert "ntm-fast: standard output: " in told, where


def shell(line: str) -> tuple[list[int], str]:
    """(exit codes of the commands of a pipe, errors) of a line of bash."""
    script = line.replace("ntm-fast", f"{sys.executable} -m ntm_fast")
    done = subprocess.run(
        ["bash", "-c", script + "; echo ${PIPESTATUS[*]}"], cwd=ROOT, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    return [int(code) for code in done.stdout.splitlines()[-1].split()], done.stderr


def test_train_into_a_pipe_that_closes(text: Path, tmp_path: Path) -> None:
    train = f"ntm-fast train {text} --output {tmp_path}/m {' '.join(SMALL)}"
    assert shell(f"{train} | head -n 1")[0] == [0, 0]
    assert (tmp_path / "m" / "model.json").exists()
    assert shell(f"{train} --overwrite | cat > /dev/full")[0][0] == 0


def test_a_comparison_outlives_the_reader_of_its_output(text: Path, tmp_path: Path) -> None:
    options = f"--models nvlda --topics 3 --epochs 1 --output {tmp_path}/t.json"
    assert shell(f"ntm-fast compare {text} {options} | true")[0][0] == 0
    assert [row["model"] for row in json.loads((tmp_path / "t.json").read_text())] == ["NVLDA"]


@pytest.fixture(scope="module")
def stopped(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run of two epochs was stopped: its model is not there yet."""
    folder = tmp_path_factory.mktemp("stopped")
    corpus = read(text)
    ProdLDA(3, epochs=2, batch_size=16, random_state=7, checkpoint=folder / "m.checkpoint").fit(
        corpus
    )
    return folder


RESUMED = {  # "text" is what the stopped run had
    "{text} --seed 5": "--seed is 5; expected 7, as in {run}",
    "{text} --topics 4": "--topics is 4; expected 3, as in {run}",
    "{text} --batch-size 8": "--batch-size is 8; expected 16, as in {run}",
    "{text} --learning-rate 0.5": "--learning-rate is 0.5; expected 0.002, as in {run}",
    "{text} --prior 0.7": "--prior is 0.7; expected 0.3, as in {run}",
    "{text} --no-background": "--background is False; expected None, as in {run}",
    "{text} --option validation_fraction=0.5": "--option validation_fraction is 0.5; expected 0.1,",
    "{text} --option validation=0.4": "--option validation_fraction is 0.4; expected 0.1, as in",
    "{text} --model nvlda": "--model is 'NVLDA'; expected 'ProdLDA', as in {run}",
    "{half} --option batch_size=8": "the documents are others than those {run} was made with: 60"
    " documents of 10 words expected, found 30 documents of 10 words",
    "{half}": "60 documents of 10 words expected, found 30",
}


@pytest.mark.parametrize("line", RESUMED)
def test_another_run_is_not_resumed(
    line: str, text: Path, stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = tmp_path / "half.txt"
    half.write_text("".join(text.read_text().splitlines(keepends=True)[:30]))
    run = stopped / "m.checkpoint"
    before = run.read_bytes()
    asked = line.format(text=text, half=half).split()
    usual = ["--topics", "3", "--epochs", "3"]
    if "batch" not in line:
        usual += ["--batch-size", "16"]
    arguments = ["train", *usual, "--resume", "--output", str(stopped / "m"), *asked]
    assert main(arguments) == 2
    assert RESUMED[line].format(run=run) in capsys.readouterr().err
    assert run.read_bytes() == before


def test_a_resumed_run_keeps_its_seed(text: Path, stopped: Path, tmp_path: Path) -> None:
    shutil.copy(stopped / "m.checkpoint", tmp_path / "m.checkpoint")
    arguments = ["train", str(text), "--topics", "3", "--epochs", "3", "--batch-size", "16"]
    assert main([*arguments, "--resume", "--output", str(tmp_path / "m")]) == 0
    assert main([*arguments, "--seed", "7", "--output", str(tmp_path / "straight")]) == 0
    name = "model.safetensors"
    assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert (
        json.loads((tmp_path / "m" / "model.json").read_text())["parameters"]["random_state"] == 7
    )


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_is_logged_and_resumed(
    text: Path, stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(stopped / "m.checkpoint", tmp_path / "m.checkpoint")
    log, out = tmp_path / "deep" / "log", str(tmp_path / "m")
    train = ["train", str(text), "--topics", "3", "--batch-size", "16", "--epochs", "3"]
    assert main([*train, "--output", out, "--resume", "--log", str(log)]) == 0
    first = records(log)
    assert [(r["event"], r["epoch"], r["step"]) for r in first[:2]] == [
        ("start", 2, 8),
        ("step", 3, 9),
    ]
    assert [r["epoch"] for r in first if r["event"] == "epoch"] == [3]
    history = json.loads((tmp_path / "m" / "model.json").read_text())["history"]
    assert first[-2]["elbo"] == history[-1]["elbo"]
    assert main([*train, "--output", out, "--overwrite", "--log", str(log)]) == 0
    second = records(log)
    assert second[: len(first)] == first, "later runs append"
    assert [r["epoch"] for r in second[len(first) :] if r["event"] == "epoch"] == [1, 2, 3]
    capsys.readouterr()
    for folder in (out, f"{out}/log"):
        assert main([*train, "--output", out, "--overwrite", "--log", folder]) == 2
        assert "expected another folder" in capsys.readouterr().err
    assert main([*train, "--output", out, "--overwrite", "--log", str(text)]) == 2
    assert "--log is a file; expected a folder" in capsys.readouterr().err


@pytest.mark.parametrize("installed", [True, False])
def test_a_log_without_tensorboard_says_so(
    installed: bool,
    text: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if installed:
        pytest.importorskip("tensorboard")
    else:
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = tmp_path / "log"
    assert (
        main(["train", str(text), "--output", str(tmp_path / "m"), *SMALL, "--log", str(log)]) == 0
    )
    told = "--log writes log.jsonl only: TensorBoard needs tensorboard: pip install"
    assert (told in capsys.readouterr().err) != installed
    assert (len(list(log.glob("events.out.tfevents*"))) == 1) == installed
    assert records(log)[-1] == {**records(log)[-1], "event": "end", "status": "finished"}


def test_a_run_without_a_terminal_prints_lines(
    text: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On standard error; on standard output stands what stood there."""
    said = []

    class AtTheEnd:
        def __init__(self, seconds: float, function: Callable[[], None]) -> None:
            said.append(seconds)
            self.close = function

    monkeypatch.setattr("ntm_fast.training.progress.Ticker", AtTheEnd)
    assert main(["train", str(text), "--output", str(tmp_path / "m"), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(
        r"epoch 2/2  step 4/4, finishing the epoch  ELBO -\d+\.\d\d"
        r"  [\d,]+ documents/s  0:00 left\n",
        err,
    )
    assert said == [10.0]
    assert re.search(r"^epoch 1/2  ELBO -\d+\.\d\d  [\d,]+ documents/s$", out, re.M)
    assert "finishing" not in out


def test_a_run_that_diverges_says_what_to_do(
    text: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, run = tmp_path / "m", tmp_path / "m.checkpoint"
    train = ["train", str(text), "--topics", "3", "--output", str(out), "--batch-size", "16"]
    absurd = [*train, "--model", "ldavae", "--learning-rate", "1e3"]
    assert main(absurd) == 1
    told = capsys.readouterr().err
    assert re.search(r"the loss is not finite at epoch 1, step \d: first in", told)
    assert "A lower --learning-rate may help (it is 1000.0)" in told
    assert not run.exists(), "nothing to resume"
    assert main([*train, "--epochs", "2"]) == 0
    # After two epochs: the state before is kept, and said to be.
    step = Trainer.step

    def poisoned(self: Trainer, loss: Loss) -> None:
        step(self, loss)
        if self.state.epoch == 2:
            self.model.encoder.weight.data.fill_(np.nan)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", poisoned)
        assert main([*train, "--overwrite", "--epochs", "5"]) == 1
    told = capsys.readouterr().err
    advice = "the run diverged after epoch 2; --resume --epochs 2 saves the model as it was then"
    assert f"{run}: {advice}" in told
    shutil.rmtree(out)
    assert main([*train, "--epochs", "5"]) == 2
    assert f"{run} exists: {advice}" in capsys.readouterr().err, "the next error's advice works"
    assert main([*train, "--epochs", "5", "--resume"]) == 2
    assert "diverged after epoch 2" in capsys.readouterr().err
    assert main([*train, "--epochs", "2", "--resume"]) == 0
    assert len(json.loads((out / "model.json").read_text())["history"]) == 2
    assert not run.exists()


def test_overwriting_keeps_the_users_files(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, run = tmp_path / "m", tmp_path / "m.checkpoint"
    train = ["train", str(text), "--output", str(out), *SMALL]
    corpus = ["corpus", str(text), "--output", str(tmp_path / "c")]
    scratch = tmp_path / ".notes.ntm_fast-2026"
    scratch.mkdir()
    (scratch / "thesis.tex").write_text("years")
    for command, folder in ((train, out), (corpus, tmp_path / "c")):
        assert main(command) == 0
        (folder / "notes.md").write_text("mine")
        (folder / "deep").mkdir()
        (folder / "deep" / "theta.csv").write_text("mine too")
        before = sorted(os.listdir(folder))
        assert main([*command, "--overwrite"]) == 0
        assert sorted(os.listdir(folder)) == before
        assert (folder / "deep" / "theta.csv").read_text() == "mine too"
    assert (scratch / "thesis.tex").read_text() == "years"
    run.write_text("notes on checkpoints")
    capsys.readouterr()
    assert main([*train, "--overwrite"]) == 2
    assert "m.checkpoint exists and is no checkpoint of ntm_fast" in capsys.readouterr().err
    assert run.read_text() == "notes on checkpoints"
