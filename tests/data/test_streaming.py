"""A corpus written to a folder chunk by chunk is the one that is made in memory."""

import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from ntm_fast.data import Corpus, read, select_words, validation, vectorise
from ntm_fast.data.text import tokens

WORDS = ["cat", "dog", "Émile", "the", "of", "x1", "war", "CAT", "straße", "дом", "a_b", "eel"]
TEXTS = ["cats chase mice", "mice fear cats", "", "planets orbit stars", "stars and planets"] * 9


@pytest.fixture
def tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 20)
    monkeypatch.setattr(tokens, "ALONE", 2)


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Options of `vectorise`, those of CountVectorizer by the same names."""
    limit = st.sampled_from([1, 2, 3, 0.1, 0.25, 0.5, 0.9, 1.0])
    several: dict[str, Any] = {
        "min_df": limit | st.just(0.0),
        "max_df": limit,
        "stop_words": st.none() | st.just("english") | st.just(["dog", "дом"]),
        "token_pattern": st.sampled_from([r"(?u)\b\w\w+\b", r"\S+", r"(\w)\w*"]),
        "lowercase": st.booleans(),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 3)]),
        "vocabulary": st.none() | st.permutations(["cat", "eel", "unseen", "war", "cat dog"]),
    }
    return {name: draw(values) for name, values in several.items()}


def attempt(*args: Any, **kwargs: Any) -> Corpus | str:
    try:
        return vectorise(*args, **kwargs)
    except ValueError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore:.* cannot occur", "ignore:.* stop words never occur")
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), max_size=12),
    options(),
    st.integers(1, 30),
)
def test_by_chunks_as_in_memory_and_as_scikit_learn(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], chosen: dict[str, Any], chunk: int
) -> None:
    output = tmp_path_factory.mktemp("stream") / "corpus"
    labels = [f"l{d % 3}" for d in range(len(texts))]
    ids = list(range(len(texts)))
    whole = attempt(texts, labels=labels, document_ids=ids, **chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CHUNK", chunk)
        by_chunks = attempt(
            iter(texts), labels=iter(labels), document_ids=np.array(ids), output=output, **chosen
        )
        assert attempt(iter(texts), labels=labels, document_ids=ids, **chosen) == whole
    if isinstance(whole, Corpus) and not whole.n_nonzeros:  # of a given vocabulary: not saved
        assert chosen["vocabulary"]
        assert "every document is empty" in str(by_chunks)
        assert not os.listdir(output.parent)
        return
    assert by_chunks == whole
    assert os.listdir(output.parent) == ([] if isinstance(whole, str) else ["corpus"])
    vectoriser = CountVectorizer(**chosen)
    try:
        expected = vectoriser.fit_transform(texts)
    except ValueError:
        assert isinstance(whole, str)
        return
    assert isinstance(whole, Corpus)
    assert whole.vocabulary == tuple(vectoriser.get_feature_names_out())
    np.testing.assert_array_equal(whole.to_scipy().toarray(), expected.toarray())


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join), min_size=1),
    st.integers(1, 9),
)
def test_the_most_frequent_words(texts: list[str], most: int) -> None:
    counted = {"token_pattern": r"\S+", "stop_words": None, "min_df": 1, "max_df": 1.0}
    all_words = vectorise(texts, **counted)  # type: ignore[arg-type]
    few = vectorise(texts, max_features=most, **counted)  # type: ignore[arg-type]
    assert few == select_words(all_words, max_features=most)
    totals = dict(zip(all_words.vocabulary, all_words.to_scipy().sum(0), strict=True))
    left_out = set(all_words.vocabulary) - set(few.vocabulary)
    assert len(few.vocabulary) == min(most, len(totals))
    assert all(totals[a] >= totals[b] for a in few.vocabulary for b in left_out)


@pytest.mark.usefixtures("tiny_chunks")
def test_several_processes_count_the_same(tmp_path: Path) -> None:
    seen: list[int] = []
    one = vectorise(TEXTS, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(TEXTS)
    assert len(seen) > 9
    assert vectorise(TEXTS, n_jobs=2, output=tmp_path / "c") == one
    with pytest.raises(TypeError, match=r"texts\[46\] is 7, expected a str or a list of str, got"):
        vectorise([*TEXTS, "one", 7])  # type: ignore[list-item]
    for wrong in (0, "two", True):
        with pytest.raises(ValueError, match=r"n_jobs is .*, expected an int >= 1, or None"):
            vectorise(TEXTS, n_jobs=wrong)  # type: ignore[arg-type]


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("wrong", [["x"] * 44, ["x"] * 46, ["x"] * 44 + ["y\n"], "x" * 45])
def test_labels_have_to_fit(tmp_path: Path, wrong: Any) -> None:
    message = r"labels has (length 44|more than 45)|labels\[44\] = 'y\\n' holds a|labels must be a"
    for output in (None, tmp_path / "corpus"):
        with pytest.raises((ValueError, TypeError), match=message):
            vectorise(TEXTS, labels=wrong, output=output)
    assert not os.listdir(tmp_path)


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def broken() -> Iterator[str]:
        yield from TEXTS
        raise error

    vectorise(TEXTS, output=tmp_path / "corpus")
    with pytest.raises(error):
        vectorise(broken(), output=tmp_path / "corpus", overwrite=True)
    with pytest.raises(FileExistsError, match=r"overwrite=True .or `--overwrite`. replaces"):
        vectorise(broken(), output=tmp_path / "corpus")  # before the texts are read
    assert os.listdir(tmp_path) == ["corpus"]
    assert Corpus.load(tmp_path / "corpus") == vectorise(TEXTS)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("\n".join(TEXTS * 200))
    code = f"""
import resource, signal
from ntm_fast.data import read_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
try:
    read_text({str(tmp_path / "d.txt")!r}, output={str(tmp_path / "corpus")!r})
except OSError as error:
    assert error.filename is None
    assert error.strerror == "cannot save the corpus to {tmp_path}/corpus: File too large", error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert os.listdir(tmp_path) == ["d.txt"]


def test_a_killed_run_is_cleared_by_the_next(tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    code = f"""
import os
from ntm_fast.data import vectorise
from ntm_fast.data.text import tokens
tokens.CHUNK = 20
def killed():
    yield from {TEXTS!r}
    os.kill(os.getpid(), 9)
vectorise(killed(), labels=["x"] * 99, output={output!r})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".corpus.ntm_fast-")
    vectorise(TEXTS, output=output)
    assert os.listdir(tmp_path) == ["corpus"]


def test_memory_does_not_grow_with_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 1 << 13)
    monkeypatch.setattr(validation, "_BLOCK", 1 << 13)

    def peak(documents: int) -> int:
        random = np.random.default_rng(0)
        names = np.array([f"word{a}{b}" for a in "abcdefghij" for b in "abcdefghij"])
        texts = (" ".join(names[random.integers(0, 100, 40)]) for _ in range(documents))
        tracemalloc.start()
        try:
            vectorise(texts, output=tmp_path / str(documents), max_df=1.0)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # with what is loaded on first use
    few, many = peak(500), peak(4_000)
    stored = sum(file.stat().st_size for file in (tmp_path / "4000").iterdir())
    assert stored > 1_000_000
    assert many < few + stored / 10


def test_readers_write_to_folders(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("\n".join(TEXTS))
    (tmp_path / "d.csv").write_text(
        "\n".join(["text,id", *(f"{t},{d}" for d, t in enumerate(TEXTS))])
    )
    (tmp_path / "texts" / "a").mkdir(parents=True)
    for d, text in enumerate(TEXTS):
        (tmp_path / "texts" / "a" / f"{d:03}.txt").write_text(text)
    for name, more in (("d.txt", {}), ("d.csv", {"id_column": "id"}), ("texts", {})):
        output = tmp_path / "out" / name
        made = read(tmp_path / name, output=output, **more)
        assert made == Corpus.load(output) == read(tmp_path / name, **more)
    copy = read(tmp_path / "out" / "texts", output=tmp_path / "copy")
    assert copy == Corpus.load(tmp_path / "copy")
    assert set(copy.labels or ()) == {"a"}
    assert sorted(os.listdir(tmp_path / "out")) == ["d.csv", "d.txt", "texts"]
