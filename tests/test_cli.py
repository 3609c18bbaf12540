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
from pathlib import Path

import numpy as np
import pytest

from ntm_fast import ProdLDA
from ntm_fast.__main__ import main
from ntm_fast.cli.support import MODELS
from ntm_fast.data import Corpus
from ntm_fast.training import RECIPES

ROOT = Path(__file__).resolve().parents[1]
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
    assert "OUTPUT.checkpoint until it is done; --resume takes it up" in capsys.readouterr().out


def test_options(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    options = ["--option", "kl_schedule=linear", "--option", "topic_dropout=0.1", "--background"]
    assert main(["train", str(text), "--output", str(out), *SMALL, *options]) == 0
    saved = json.loads((out / "model.json").read_text())
    assert (saved["settings"]["topic_dropout"], saved["settings"]["background"]) == (0.1, True)
    assert saved["parameters"]["options"]["kl_schedule"] == "linear"
    for wrong, message in (("x", "expected NAME=VALUE"), ("x=1", "unknown option 'x'")):
        arguments = ["train", str(text), "--output", f"{out}2", "--option", wrong]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_a_vocabulary_smaller_than_what_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "few.txt", tmp_path / "model"
    text.write_text("red green\nred blue\ngreen blue\n" + "black\n" * 3)
    arguments = ["--topics", "2", "--epochs", "1", "--option", "validation=0"]
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


def test_corpus_of_standard_input(text: Path, tmp_path: Path) -> None:
    """It is counted without torch, and one line tells how it went on."""
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
    assert "relevance is 2.0; expected a number >= 0 and <= 1" in capsys.readouterr().err


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
    assert [line.split()[:2] for line in lines] == [[model, "2"] for model in models]
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == models
    for row in rows:
        assert float(row["perplexity"]) > 1
        assert -1 <= float(row["npmi"]) <= 1
        assert float(row["peak_megabytes"]) > 50
        assert 0 <= int(row["leading_topics"]) <= 3


def test_models_are_those_that_have_recipes() -> None:
    assert set(MODELS) == set(RECIPES)


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
    assert re.search(r"^learning_rate +0.002 +Adam's$", capsys.readouterr().out, re.M)


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
    "train {text} --output {tmp}/m --learning-rate -1": "learning_rate",
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


def test_a_closed_pipe_is_no_error(model: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    shell = f"{sys.executable} -m ntm_fast topics {model} --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["0"]
    assert "Traceback" not in done.stderr
