"""One rule for every path that the package takes: `~` is the home folder, path-likes are paths."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from ntm_fast import NeuralTopicModel, ProdLDA
from ntm_fast.__main__ import main
from ntm_fast.data import (
    Corpus,
    Subset,
    read,
    read_folder,
    read_libsvm,
    read_npz,
    read_octis,
    read_table,
    read_text,
    read_uci,
    read_vocabulary,
    vectorise,
)
from ntm_fast.data.datasets.cache import cache_folder
from ntm_fast.models import TopicModel
from ntm_fast.models.saved_model import load_model, save_model
from ntm_fast.studies import compare
from ntm_fast.studies.gradients import example, study
from ntm_fast.training import JSONLines, Trainer, TrainingSettings
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(2, 5, 40)
QUICK: dict[str, Any] = {"epochs": 1, "hidden": (4,), "random_state": 0}
TEXT = "apple pear plum\npear plum apple\n"
SMALL = ["--topics", "2", "--epochs", "1", "--threads", "1"]


class Place:
    """A path-like that is neither a str nor a Path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return self._path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder; the current folder is another one."""
    made = tmp_path / "home folder"
    made.mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return made


def fitted() -> ProdLDA:
    return ProdLDA(2, **QUICK).fit(CORPUS)


def trainer(**options: Any) -> Trainer:
    model = TopicModel(CORPUS.n_words)
    return Trainer(model, TrainingSettings(epochs=1, validation_fraction=0), seed=0, **options)


def picture(path: Any) -> None:
    pytest.importorskip("matplotlib")
    alpha, objective = example("dense", 2, 5, 5, 0)
    study(alpha, objective, schemes=["implicit"], draws=4).plot(path)


WRITERS: dict[str, Callable[[Any], Any]] = {
    "Corpus.save": CORPUS.save,
    "Subset.save": Subset(CORPUS, np.arange(9)).save,
    "read_text(output=)": lambda path: read_text(_text(), min_df=1, max_df=1.0, output=path),
    "read(output=)": lambda path: read(_text(), min_df=1, max_df=1.0, output=path),
    "vectorise(output=)": lambda path: vectorise([TEXT], min_df=1, max_df=1.0, output=path),
    "estimator.save": lambda path: fitted().save(path),
    "save_model": lambda path: save_model(TopicModel(40), path, [f"w{v}" for v in range(40)]),
    "checkpoint=": lambda path: ProdLDA(2, **QUICK, checkpoint=path).fit(CORPUS),
    "Trainer(checkpoint=)": lambda path: trainer(checkpoint=path).fit(CORPUS),
    "JSONLines": lambda path: trainer(callbacks=[JSONLines(path)]).fit(CORPUS),
    "compare.save": lambda path: compare.save([{"model": "x"}], path),
    "Study.plot": picture,
}


def _text() -> Path:
    file = Path("text.txt")
    file.write_text(TEXT)
    return file


@pytest.mark.parametrize("door", WRITERS)
@pytest.mark.parametrize("form", [str, Path, Place])
def test_written_at_home(door: str, form: Any, home: Path) -> None:
    name = {"compare.save": "out.csv", "Study.plot": "out.png"}.get(door, "out")
    WRITERS[door](form(f"~/{name}"))
    assert (home / name).exists()
    assert not os.path.lexists("~")


def test_errors_name_the_whole_path(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(OSError, match="home folder/file"):
        CORPUS.save("~/file/corpus")


def prepare(home: Path) -> None:
    """Something of every kind that can be read."""
    CORPUS.save(home / "corpus")
    fitted().save(home / "model")
    ProdLDA(2, **QUICK, checkpoint=home / "run").fit(CORPUS)
    trainer(checkpoint=home / "trainer").fit(CORPUS)
    (home / "text.txt").write_text(TEXT)
    (home / "words").write_text("apple\npear\n")
    (home / "table.csv").write_text("text\n" + TEXT)
    sp.save_npz(home / "counts.npz", sp.csr_matrix(np.eye(3)))
    (home / "counts.libsvm").write_text("0 1:1\n0 2:1\n")
    (home / "docword.x.txt").write_text("2\n2\n2\n1 1 1\n2 2 1\n")
    (home / "vocab.x.txt").write_text("a\nb\n")
    (home / "octis").mkdir()
    (home / "octis" / "corpus.tsv").write_text("apple pear\ttrain\nplum pear\ttrain\n")
    (home / "folder").mkdir()
    (home / "folder" / "a.txt").write_text(TEXT)


ALL = {"min_df": 1, "max_df": 1.0}
READERS: dict[str, Callable[[Any], Any]] = {
    "read(~/corpus)": read,
    "read(~/text.txt)": lambda path: read(path, **ALL),
    "Corpus.load(~/corpus)": Corpus.load,
    "read_text(~/text.txt)": lambda path: read_text(path, **ALL),
    "read_folder(~/folder)": lambda path: read_folder(path, **ALL),
    "read_table(~/table.csv)": lambda path: read_table(path, "text", **ALL),
    "read_npz(~/counts.npz)": read_npz,
    "read_libsvm(~/counts.libsvm)": read_libsvm,
    "read_uci(~/docword.x.txt)": lambda path: read_uci(path, "~/vocab.x.txt"),
    "read_octis(~/octis)": read_octis,
    "read_vocabulary(~/words)": read_vocabulary,
    "vocabulary=(~/words)": lambda path: vectorise([TEXT], vocabulary=path),
    "NeuralTopicModel.load(~/model)": NeuralTopicModel.load,
    "ProdLDA.load(~/model)": ProdLDA.load,
    "load_model(~/model)": load_model,
    "resume_from=(~/run)": lambda path: ProdLDA(2, **QUICK).fit(CORPUS, resume_from=path),
    "Trainer.resume(~/trainer)": lambda path: trainer().resume(path),
}


@pytest.mark.parametrize("door", READERS)
def test_read_at_home(door: str, home: Path) -> None:
    prepare(home)
    name = door[door.index("~") : -1]
    for form in (str, Path, Place):
        READERS[door](form(name))


COMMANDS = {
    "corpus ~/text.txt --min-df 1 --max-df 1.0 --output=~/new": "new/corpus.json",
    "corpus ~/text.txt --vocabulary=~/words --output=~/new": "new/corpus.json",
    "corpus ~/text.txt --min-df 1 --max-df 1.0 --stop-words=~/words --output ~/new": "new",
    "train ~/corpus --output=~/new {small}": "new/model.json",
    "topics ~/model --json": None,
    "infer ~/model ~/corpus --output=~/theta.csv": "theta.csv",
    "evaluate ~/model ~/corpus --json": None,
    "info ~/model --json": None,
    "gradients --draws 4 --topics 2 --words 5 --schemes implicit --picture=~/new.png": "new.png",
}


@pytest.mark.parametrize("line", COMMANDS)
def test_command_line(line: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "--picture" in line:
        pytest.importorskip("matplotlib")
    prepare(home)
    code = main([*line.format(small="").split(), *(SMALL if "{small}" in line else [])])
    assert code == 0, capsys.readouterr().err
    made = COMMANDS[line]
    if made is None:
        json.loads(capsys.readouterr().out)
    else:
        assert (home / made).exists()
    assert not os.path.lexists("~")


def test_cache_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NTM_FAST_CACHE", raising=False)
    assert cache_folder() == home / ".cache" / "ntm_fast"
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    assert cache_folder() == home / "cache" / "ntm_fast"
    monkeypatch.setenv("NTM_FAST_CACHE", "~/own")
    assert cache_folder() == home / "own"
