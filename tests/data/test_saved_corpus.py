import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from ntm_fast.data import Corpus
from tests.data.strategies import csr_matrices


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_scipy(np.eye(3) * 2, ["é", "two words", "c"], ["x", "", "y"], [7, 8, 9])  # type: ignore[list-item]


@given(csr_matrices())
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, matrix: Any) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    corpus = Corpus.from_scipy(matrix)
    corpus.save(folder)
    assert Corpus.load(folder) == corpus


def test_texts_and_memory_mapping(tmp_path: Path, corpus: Corpus) -> None:
    corpus.save(tmp_path / "new" / "corpus")
    loaded = Corpus.load(tmp_path / "new" / "corpus")
    assert loaded == corpus
    base: Any = loaded.counts
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["corpus"]


def test_overwriting_must_be_asked_for(tmp_path: Path, corpus: Corpus) -> None:
    folder = tmp_path / "corpus"
    corpus.save(folder)
    with pytest.raises(FileExistsError, match=r"overwrite=True .or `--overwrite`. replaces"):
        corpus[:2].save(folder)
    Corpus.load(folder)[:2].save(folder, overwrite=True)  # also over the files it is mapped from
    assert Corpus.load(folder) == corpus[:2]
    (folder / "corpus.json").unlink()
    with pytest.raises(FileExistsError, match="holds no corpus"):
        corpus.save(folder, overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is not a folder"):
        corpus.save(tmp_path / "file", overwrite=True)


@pytest.mark.parametrize("failing", ["save", "rename"])
def test_a_full_disk_leaves_the_old_corpus(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    folder = tmp_path / "corpus"
    corpus.save(folder)

    def full(file: Any, *_: Any) -> None:
        if failing == "save":
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if failing == "save":
            patch.setattr(np.lib.format, "write_array_header_1_0", full)
        else:
            real = os.rename
            patch.setattr(
                os, "rename", lambda a, b: full(a) if Path(a).name == "new" else real(a, b)
            )
        with pytest.raises(OSError, match=r"cannot save the corpus to .*: No space left"):
            corpus[:1].save(folder, overwrite=True)
        with pytest.raises(OSError, match=r"cannot save the corpus to .*: No space left"):
            corpus.save(tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]
    assert Corpus.load(folder) == corpus


@pytest.mark.parametrize(
    "name", ["indptr.npy", "counts.npy", "vocabulary.txt", "labels.txt", "corpus.json"]
)
def test_missing_and_truncated_files_are_named(tmp_path: Path, corpus: Corpus, name: str) -> None:
    corpus.save(tmp_path / "c")
    file = tmp_path / "c" / name
    data = file.read_bytes()
    for size in (0, len(data) // 2, len(data) - 2):
        file.write_bytes(data[:size])
        with pytest.raises(ValueError, match=file.stem):
            Corpus.load(tmp_path / "c")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=name):
        Corpus.load(tmp_path / "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "does not describe a corpus"),
        ({"version": 99}, "has version 99, this release reads 1"),
        ({"n_words": "3"}, "n_words must be a whole number, got '3'"),
        ({"n_documents": 4}, r"indptr.npy has 4 entries, expected 5"),
        ({"n_words": 4}, "vocabulary.txt has 3 entries, expected 4"),
    ],
)
def test_wrong_metadata_is_named(
    tmp_path: Path, corpus: Corpus, change: dict[str, Any], message: str
) -> None:
    corpus.save(tmp_path / "c")
    file = tmp_path / "c" / "corpus.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        Corpus.load(tmp_path / "c")


def test_damaged_values_are_refused(tmp_path: Path, corpus: Corpus) -> None:
    corpus.save(tmp_path / "c")
    np.save(tmp_path / "c" / "indices.npy", np.array([0, 1, 3], np.int32))
    with pytest.raises(ValueError, match=r"damaged corpus in .*indices\[2\] = 3 is out of range"):
        Corpus.load(tmp_path / "c")


def test_nothing_to_save_or_load(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="has no words to save"):
        corpus[[]].save(tmp_path / "c")
    with pytest.raises(FileNotFoundError, match="is not a saved corpus"):
        Corpus.load(tmp_path / "nowhere")
