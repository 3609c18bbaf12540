"""Documents in a model's words: the same counts and messages from every source."""

import os
import pickle
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus, Known, Origin, in_words_of, known_share, read, vectorise

WORDS = ("M3", "apple", "deep learning", "für", "iOS", "motor", "x1")
COUNTED: dict[str, Any] = {
    "token_pattern": r"\S+",
    "lowercase": False,
    "stop_words": ["of"],
    "ngram_range": (1, 2),
}
TEXTS = ["M3 iOS of iOS", "", "deep learning of motor für", "strange words", "apple x1 apple"]
EXPECTED = [
    [1, 0, 0, 0, 2, 0, 0],
    [0] * 7,
    [0, 0, 1, 1, 0, 1, 0],
    [0] * 7,
    [0, 2, 0, 0, 0, 0, 1],
]


def known(tmp_path: Path | None = None, **options: Any) -> Known:
    """The words of a corpus that was counted by `COUNTED`, also as it comes back from disk."""
    corpus = vectorise(TEXTS, vocabulary=WORDS, **{**COUNTED, **options})
    if tmp_path is not None:
        corpus.save(tmp_path / "training")
        corpus = Corpus.load(tmp_path / "training")
    return Known(corpus.vocabulary, corpus.origin, corpus.numbered)


def as_text(folder: Path) -> Path:
    (folder / "d.txt").write_text("\n".join(TEXTS) + "\n")
    return folder / "d.txt"


def as_folder(folder: Path) -> Path:
    (folder / "d").mkdir()
    for number, text in enumerate(TEXTS):
        (folder / "d" / f"{number}.txt").write_text(text)
    return folder / "d"


def as_table(folder: Path) -> Path:
    lines = [f"{number},{text}" for number, text in enumerate(TEXTS)]
    (folder / "d.csv").write_text("\n".join(["id,text", *lines]) + "\n")
    return folder / "d.csv"


def as_json_lines(folder: Path) -> Path:
    (folder / "d.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in TEXTS))
    return folder / "d.jsonl"


def as_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    writing = threading.Thread(target=(folder / "pipe").write_text, args=["\n".join(TEXTS) + "\n"])
    writing.start()
    return folder / "pipe"


def as_list(folder: Path) -> list[str]:
    return TEXTS


def as_array(folder: Path) -> Any:
    return np.array(TEXTS, dtype=object)


def as_lists_of_words(folder: Path) -> list[list[str]]:
    return [text.split() for text in TEXTS]


def others(folder: Path) -> Corpus:
    """The same documents in words of their own, among them some that the model lacks."""
    options = {"min_df": 1, "max_df": 1.0, **COUNTED}
    return vectorise(TEXTS, **options)


def as_saved_corpus(folder: Path) -> Path:
    others(folder).save(folder / "saved")
    return folder / "saved"


def as_uci(folder: Path) -> Path:
    corpus = others(folder)
    order = np.random.default_rng(0).permutation(corpus.n_words)
    place = np.argsort(order)
    (folder / "vocab.d.txt").write_text("".join(f"{corpus.vocabulary[v]}\n" for v in order))
    matrix = corpus.to_scipy().tocoo()
    rows = zip(matrix.coords[0], place[matrix.coords[1]], matrix.data, strict=True)
    entries = [f"{d + 1} {v + 1} {int(c)}\n" for d, v, c in rows]
    head = f"{len(corpus)}\n{corpus.n_words}\n{len(entries)}\n"
    (folder / "docword.d.txt").write_text(head + "".join(entries))
    return folder / "docword.d.txt"


def as_npz(folder: Path) -> Path:
    corpus = others(folder)
    sp.save_npz(folder / "d.npz", corpus.to_scipy())
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in corpus.vocabulary))
    return folder / "d.npz"


def as_corpus(folder: Path) -> Corpus:
    return others(folder)


SOURCES = [
    as_text,
    as_folder,
    as_table,
    as_json_lines,
    as_pipe,
    as_list,
    as_array,
    as_lists_of_words,
    as_saved_corpus,
    as_uci,
    as_npz,
    as_corpus,
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_counted_alike(source: Callable[[Path], Any], tmp_path: Path) -> None:
    model = known(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = in_words_of(model, source(tmp_path))
    assert corpus.vocabulary == WORDS
    assert corpus.to_scipy().toarray().tolist() == EXPECTED
    # Unigrams and pairs that were read, without the stop word.
    np.testing.assert_allclose(corpus.known_words, [3 / 5, 0, 3 / 7, 0, 3 / 5])
    assert known_share(corpus) == pytest.approx(9 / 20)


def test_standard_input_is_counted_as_a_file(monkeypatch: Any, tmp_path: Path) -> None:
    path = as_text(tmp_path)
    expected = in_words_of(known(), path)
    with path.open() as file:
        saved = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            assert in_words_of(known(), "-") == expected
        finally:
            os.dup2(saved, 0)
            os.close(saved)


def test_options_of_the_reader_are_those_of_training(tmp_path: Path) -> None:
    for name, encoding in (("train.csv", "latin-1"), ("new.csv", "latin-1"), ("utf8.csv", "utf-8")):
        table = "id,review\n1,für café\n2,café motor\n"
        (tmp_path / name).write_text(table, encoding=encoding)
    how: dict[str, Any] = {"column": "review", "encoding": "latin-1", "min_df": 1, "max_df": 1.0}
    corpus = read(tmp_path / "train.csv", **how)
    model = Known(corpus.vocabulary, corpus.origin)
    for name in ("new.csv", "utf8.csv"):
        np.testing.assert_array_equal(in_words_of(model, tmp_path / name).counts, corpus.counts)
    (tmp_path / "other.csv").write_text("id,text\n1,für motor\n")
    with pytest.raises(ValueError, match="no column 'review', found 'id', 'text'"):
        in_words_of(model, tmp_path / "other.csv")
    assert in_words_of(model, tmp_path / "other.csv", column="text").n_tokens == 2


@pytest.mark.parametrize("zero_based", [True, False])
def test_words_of_libsvm_are_numbered_as_in_training(zero_based: bool, tmp_path: Path) -> None:
    first = 0 if zero_based else 1
    training = "".join(f"1 {v + first}:1\n" for v in range(4))
    (tmp_path / "train.svmlight").write_text(training)
    (tmp_path / "new.svmlight").write_text(f"1 {2 + first}:5\n")  # neither 0 nor 4 occurs
    corpus = read(tmp_path / "train.svmlight")
    assert corpus.n_words == 4
    model = Known(corpus.vocabulary, corpus.origin, corpus.numbered)
    with pytest.warns(
        UserWarning, match="matched by position, since neither .*new.svmlight nor the"
    ):
        found = in_words_of(model, tmp_path / "new.svmlight")
    assert found.to_scipy().toarray().tolist() == [[0, 0, 5, 0]]
    (tmp_path / "beyond.svmlight").write_text(f"1 {4 + first}:5\n")
    with pytest.raises(ValueError, match=rf"word {4 + first} is beyond the 4 words"):
        in_words_of(model, tmp_path / "beyond.svmlight")
    if not zero_based:
        (tmp_path / "zero.svmlight").write_text("1 0:5\n")
        with pytest.raises(ValueError, match="word 0 occurs, but words are numbered from 1"):
            in_words_of(model, tmp_path / "zero.svmlight")
    unnumbered = Known(corpus.vocabulary, Origin("a matrix"), True)
    with pytest.warns(UserWarning, match="taken as numbered from 1, since no word 0 occurs"):
        in_words_of(unnumbered, tmp_path / "new.svmlight")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")  # a file with the first or last word leaves no doubt
        found = in_words_of(unnumbered, tmp_path / "train.svmlight")
    assert not any("numbered from" in str(w.message) for w in told)
    np.testing.assert_array_equal(found.to_scipy().toarray(), np.eye(4))


def test_columns_without_words_are_matched_by_position(tmp_path: Path) -> None:
    matrix = sp.csr_array(np.eye(7))
    sp.save_npz(tmp_path / "m.npz", matrix)
    numbered = Corpus.from_scipy(matrix)
    for source in (tmp_path / "m.npz", numbered):
        with pytest.warns(
            UserWarning, match=r"by position, since .* has no words: column 0 .*'M3'"
        ):
            found = in_words_of(known(), source)
        assert found.vocabulary == WORDS
        np.testing.assert_array_equal(found.to_scipy().toarray(), np.eye(7))
    with pytest.raises(ValueError, match="vocabulary of 3 words, but the model is expecting 7"):
        in_words_of(known(), Corpus.from_scipy(np.eye(3)))
    # Words that happen to be numbers are words.
    model = Known(("0", "1", "2"), None, numbered=False)
    named = Corpus.from_scipy(np.diag([1, 2, 3]), ["2", "1", "0"])
    assert in_words_of(model, named).to_scipy().toarray().tolist() == [
        [0, 0, 1],
        [0, 2, 0],
        [3, 0, 0],
    ]


def test_documents_of_which_nothing_is_known_are_marked() -> None:
    for texts in (["xyzzy"], ["xyzzy", "", "plugh plugh"], ["", " "]):
        with pytest.warns(UserWarning, match=r"0.0% of the words of these documents are known"):
            found = in_words_of(known(), texts)
        assert found.known_words.tolist() == [0] * len(texts)
        assert found.n_nonzeros == 0
    strange = Corpus.from_scipy(np.eye(2), ["foo", "bar"])
    with pytest.warns(UserWarning, match="Check their language, their subject"):
        assert in_words_of(known(), strange).known_words.tolist() == [0, 0]


def test_few_known_words_are_few_beside_those_of_training() -> None:
    texts = ["apple " + " ".join(f"w{n}" for n in range(30 * d, 30 * d + 30)) for d in range(3)]
    few = vectorise(texts, min_df=2, max_df=1.0, token_pattern=r"\S+")
    assert few.vocabulary == ("apple",)
    assert few.origin is not None
    assert few.origin.words["known"] == pytest.approx(3 / 93)
    with warnings.catch_warnings():  # 3 % known words are what this model lives on
        warnings.simplefilter("error")
        in_words_of(Known(few.vocabulary, few.origin), texts)


def test_what_is_not_known_of_a_vocabulary_is_said() -> None:
    model = Known(("M3", "iOS", "gene"), Origin("a matrix"))
    with pytest.warns(UserWarning, match=r"is not known; these are counted as .*token_pattern="):
        found = in_words_of(model, ["M3 iOS ios"])
    assert found.to_scipy().toarray().tolist() == [[1, 1, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_words_of(model, ["M3 gene"], token_pattern=r"\S+", lowercase=False)
    numbered = Known(("0", "1"), None, numbered=True)
    with pytest.raises(ValueError, match="trained on counts without words"):
        in_words_of(numbered, ["a text"])


def halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def test_a_tokenizer_named_in_a_file_is_not_run_unasked(tmp_path: Path) -> None:
    options: dict[str, Any] = {"min_df": 1, "max_df": 1.0, "tokenizer": halves}
    corpus = vectorise(["aabb", "bbcc"], **options)
    assert in_words_of(Known(corpus.vocabulary, corpus.origin), ["ccaa"]).n_tokens == 2
    corpus.save(tmp_path / "c")
    loaded = Corpus.load(tmp_path / "c")
    model = Known(loaded.vocabulary, loaded.origin)
    name = f"{__name__}:halves"
    with pytest.raises(ValueError, match=f"'{name}', which is not run because a file names it"):
        in_words_of(model, ["ccaa"])
    for again in (halves, name):
        assert in_words_of(model, ["ccaa"], tokenizer=again) == in_words_of(
            Known(corpus.vocabulary, corpus.origin), ["ccaa"]
        )
    assert in_words_of(model, [["aa", "cc"]]).n_tokens == 2  # words need no tokenizer
    options["tokenizer"] = lambda text: halves(text)  # which cannot be pickled: its name is
    corpus = pickle.loads(pickle.dumps(vectorise(["aabb", "bbcc"], **options)))
    with pytest.raises(ValueError, match="which is not run because a file names it"):
        in_words_of(Known(corpus.vocabulary, corpus.origin), ["ccaa"])
    assert in_words_of(model, ["aa cc"], token_pattern=r"\S+").n_tokens == 2


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="documents are a int; expected a path, a list of texts"):
        in_words_of(known(), 3)
    with pytest.raises(TypeError, match="a Corpus takes no option 'column'"):
        in_words_of(known(), others(tmp_path), column="text")
    with pytest.raises(TypeError, match="takes no option 'column'"):
        in_words_of(known(), as_text(tmp_path), column="text")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    (tmp_path / "model" / "vocabulary.txt").write_text("a\n")
    with pytest.raises(ValueError, match="model is a saved model, not documents"):
        in_words_of(known(), tmp_path / "model")


@st.composite
def counts_and_orders(draw: st.DrawFn) -> tuple[Any, list[int], list[int]]:
    n_words = draw(st.integers(2, 7))
    rows = draw(
        st.lists(st.lists(st.integers(0, 3), min_size=n_words, max_size=n_words), min_size=1)
    )
    rows[0][0] += 1
    theirs = draw(st.permutations(range(n_words)))
    kept = draw(st.integers(1, n_words))
    return np.array(rows, float), list(theirs), list(draw(st.permutations(range(n_words)))[:kept])


@given(counts_and_orders())
def test_matching_is_by_word_whatever_the_order(drawn: Any) -> None:
    counts, theirs, ours = drawn
    words = [f"w{v}" for v in range(counts.shape[1])]
    corpus = Corpus.from_scipy(counts[:, theirs], [words[v] for v in theirs])
    found = corpus.in_words([words[v] for v in ours])
    np.testing.assert_array_equal(found.to_scipy().toarray(), counts[:, ours])
    totals = counts.sum(1)
    share = np.divide(counts[:, ours].sum(1), totals, where=totals > 0, out=np.zeros(len(counts)))
    np.testing.assert_allclose(found.known_words, share)
    assert found.in_words(words).in_words([words[v] for v in ours]) == found


def test_scikit_learn_splits_a_corpus() -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    corpus = vectorise(["motor oil", "sun moon"] * 20, labels=list(range(40)))
    train, test = model_selection.train_test_split(corpus, test_size=0.25, random_state=0)
    assert isinstance(train, Corpus)
    assert (len(train), len(test)) == (30, 10)
    assert set(train.labels) | set(test.labels) == set(corpus.labels or ())
    folds = [rows for rows, _ in model_selection.KFold(4).split(corpus)]
    assert len(corpus[folds[0]]) == 30
    assert [len(document) for document in corpus[:3]] == [1, 1, 1]
    assert corpus.shape == (40, corpus.n_words)
    with pytest.raises(TypeError, match="a Corpus is no array: to_scipy"):
        np.asarray(corpus)
    for wrong in ("all", [[0, 1]], 99, (0, 1, 2, 3.5), corpus):
        with pytest.raises((IndexError, TypeError)):
            corpus[wrong]  # type: ignore[index]
