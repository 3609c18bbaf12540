"""How texts are split: tokenizers, lists of words, stop words; and how a corpus records that."""

import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import (
    Corpus,
    Known,
    Origin,
    Tokenisation,
    in_words_of,
    read,
    select_words,
    vectorise,
)
from ntm_fast.data.text import tokens
from ntm_fast.data.text.tokenisation import as_texts, guessed, name_of

ALL: dict[str, Any] = {"min_df": 1, "max_df": 1.0}


def in_pairs(text: str) -> list[str]:
    """A tokenizer for a script without blanks."""
    return [text[at : at + 2] for at in range(0, len(text), 2)]


class Splitter:
    def cut(self, text: str) -> list[str]:
        return text.split("-")


cut = Splitter().cut  # a module's function that is the method of an object, as jieba.lcut


def test_a_tokenizer_tells_words_apart() -> None:
    corpus = vectorise(["帮助消息", "消息 覆盖"], tokenizer=in_pairs, **ALL)
    assert corpus.vocabulary == ("帮助", "消息", "盖", "覆")
    assert vectorise(["x-Y", "y-z"], tokenizer=f"{__name__}:cut", **ALL).vocabulary == tuple("xyz")
    assert vectorise(["x-Y"], tokenizer=str.split, lowercase=False, **ALL).vocabulary == ("x-Y",)
    assert vectorise(["x \t y"], tokenizer=list, **ALL).vocabulary == ("x", "y")  # no blanks


@pytest.mark.parametrize(
    ("tokenizer", "error", "message"),
    [
        ("jieba", ValueError, "tokenizer is 'jieba'; expected 'module:function'"),
        ("json:nothing", ImportError, "tokenizer is 'json:nothing', which cannot be imported"),
        ("no_such_module:f", ImportError, "cannot be imported"),
        ("sys:path", TypeError, "is no function"),
        (3, TypeError, "tokenizer is 3; expected a function"),
    ],
)
def test_bad_tokenizers_are_named(tokenizer: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        vectorise(["a b"], tokenizer=tokenizer, **ALL)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lowercase": "no"}, TypeError, "lowercase is 'no'; expected True or False"),
        ({"ngram_range": (2, 1)}, ValueError, r"ngram_range is \(2, 1\); expected"),
        ({"ngram_range": 2}, ValueError, "ngram_range is 2; expected"),
        ({"token_pattern": "(["}, ValueError, r"token_pattern is '\(\['"),
        ({"token_pattern": "(a)(b)"}, ValueError, "has 2 groups; expected one at most"),
        ({"token_pattern": 3}, TypeError, "token_pattern is 3"),
        ({"token_pattern": "a", "tokenizer": list}, ValueError, "are both given"),
        ({"stop_words": ["a", 3]}, TypeError, r"stop_words\[1\] is 3; expected a str"),
        ({"stop_words": 3}, TypeError, "stop_words is 3; expected a language"),
        ({"min_df": "many"}, TypeError, "min_df is 'many'; expected a number"),
        ({"min_df": -1}, ValueError, "min_df is -1; expected >= 1"),
        ({"max_features": 1.5}, TypeError, "max_features is 1.5; expected an int"),
    ],
)
def test_bad_options_are_named_before_a_text_is_read(
    options: Any, error: type[Exception], message: str
) -> None:
    def never() -> Any:
        raise AssertionError("a text was read")
        yield

    with pytest.raises(error, match=message):
        vectorise(never(), **options)


def test_several_processes_with_a_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 8)
    texts = ["aabb", "bbcc", "aacc"] * 9
    one = vectorise(texts, tokenizer=in_pairs, **ALL)
    assert vectorise(texts, tokenizer=in_pairs, n_jobs=2, **ALL) == one
    assert vectorise(texts, tokenizer=lambda text: in_pairs(text), n_jobs=2, **ALL) == one


def test_lists_of_words_are_taken_as_they_are() -> None:
    corpus = vectorise([["M3", "iOS", "the"], [], ("iOS", "a b")], **ALL)
    assert corpus.vocabulary == ("M3", "a b", "iOS")
    assert corpus.document_lengths.tolist() == [2, 0, 2]
    assert corpus.origin is not None
    assert corpus.origin.reader == "lists of words"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a b", "c"], ["a b", "c"]),
        (("a", None, float("nan")), ["a", "", ""]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", None], dtype=object), ["a", ""]),
        ([["a", "b"], [], ("c",)], [["a", "b"], [], ("c",)]),
        ("a text", None),
        ([1, 2], None),
        ([[1, 2]], None),
        ([], None),
        ([None], None),
        (np.eye(2), None),
        (np.array([["a"]]), None),
        (["a", 3], None),
        (None, None),
    ],
)
def test_texts_are_known_in_any_container(values: Any, expected: Any) -> None:
    assert as_texts(values) == expected


def test_pandas_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["engine motor", None, "motor"], "year": [1999, None, 2001]})
    corpus = vectorise(frame.text, labels=frame.year, document_ids=frame.index, **ALL)
    assert corpus.document_lengths.tolist() == [2, 0, 1]
    assert corpus.labels == ("1999", "", "2001")
    assert corpus.document_ids == ("0", "1", "2")
    assert as_texts(frame.text) == ["engine motor", "", "motor"]
    assert as_texts(frame.year) is None
    assert as_texts(frame) is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([None, "a"], ("", "a")),
        (["a", None], ("a", "")),
        ([np.int64(1), np.int64(2)], ("1", "2")),
        (np.array([1, 2]), ("1", "2")),
        ([1, 2], ("1", "2")),
        ([float("nan"), 2.0], ("", "2")),
    ],
)
def test_labels_are_kept(labels: Any, expected: tuple[str, ...]) -> None:
    assert vectorise(["one text", "two"], labels=labels, **ALL).labels == expected
    assert Corpus.from_scipy(np.ones((2, 2)), labels=labels).labels == expected


@pytest.mark.parametrize("wrong", [[True, "a"], ["a", 1.5], [b"a", "b"]])
def test_labels_that_are_none_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"labels\[\d\] = .* must be a str"):
        vectorise(["one", "two"], labels=wrong, **ALL)


def test_stop_words_of_a_language() -> None:
    pytest.importorskip("stop_words")
    texts = ["der Motor und das Rad", "für den Motor"]
    for name in ("german", "de", "German"):
        corpus = vectorise(texts, stop_words=name, **ALL)
        assert corpus.vocabulary == ("motor", "rad")
    assert corpus.origin is not None
    assert corpus.origin.words["stop_words_left_out"] == 5  # der, und, das, für, den
    # Entries such as par-devant fall into words, which are left out too.
    assert vectorise(["par-devant maison"], stop_words="french", **ALL).vocabulary == ("maison",)
    with pytest.raises(ValueError, match="stop_words is 'klingon'; expected one of arabic, "):
        vectorise(texts, stop_words="klingon", **ALL)
    assert select_words(vectorise(texts, stop_words=None, **ALL), stop_words="german").n_words == 2


def test_without_the_package_of_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pytest.importorskip("stop_words")
    vectorise(["der Motor"], stop_words="german", **ALL).save(tmp_path / "c")
    monkeypatch.setitem(__import__("sys").modules, "stop_words", None)
    with pytest.raises(ImportError, match=r"stop_words is 'german'.*ntm_fast\[stopwords\]"):
        vectorise(["a"], stop_words="german")
    assert vectorise(["the motor"], stop_words="english", **ALL).vocabulary == ("motor",)
    loaded = Corpus.load(tmp_path / "c")  # which needs no list, until texts are counted
    assert "German stop words" in loaded.origin.describe()  # type: ignore[union-attr]
    with pytest.raises(ImportError, match="stop_words is 'german'"):
        in_words_of(Known(loaded.vocabulary, loaded.origin), ["der Motor"])


def test_stop_words_that_never_occur_are_told() -> None:
    with pytest.warns(UserWarning, match='1 stop words never occur .* "don\'t" is counted as'):
        vectorise(["motor"], stop_words=["don't", "to"], **ALL)


def test_words_of_a_vocabulary_that_cannot_occur_are_told() -> None:
    with pytest.warns(UserWarning, match="2 words of the vocabulary cannot occur .*'M3', 'x'"):
        vectorise(["M3 x gene"], vocabulary=["M3", "x", "gene"])


def test_a_vocabulary_is_found_however_its_letters_were_typed() -> None:
    decomposed = "cafe\u0301"
    corpus = vectorise(["café noir", decomposed], vocabulary=[decomposed, "noir"])
    assert corpus.vocabulary == (decomposed, "noir")
    assert corpus.to_scipy().toarray().tolist() == [[1, 1], [1, 0]]
    with pytest.raises(ValueError, match="twice, composed and decomposed"):
        vectorise(["a"], vocabulary=["café", decomposed])


@pytest.mark.parametrize(
    ("vocabulary", "text", "expected"),
    [
        (["motor", "rad"], "Motor rad", ["motor", "rad"]),
        (["iOS", "M3"], "iOS M3 x", ["iOS", "M3"]),
        (["m3", "c"], "M3 C", ["m3", "c"]),
        (["deep learning", "deep"], "Deep learning", ["deep", "learning", "deep learning"]),
        (["c++", "c#"], "C++ c#", ["c++", "c#"]),
    ],
)
def test_a_tokenisation_is_guessed_from_words(
    vocabulary: list[str], text: str, expected: list[str]
) -> None:
    found, impossible = guessed(vocabulary)
    assert not impossible
    assert found(text) == expected


options = st.fixed_dictionaries(
    {
        "lowercase": st.booleans(),
        "token_pattern": st.sampled_from([None, r"\S+", r"\w\w"]),
        "stop_words": st.sampled_from([None, "english", ("motor", "für")]),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 3)]),
    }
)


@given(options, st.lists(st.sampled_from(["The", "motor", "für", "C++", "é", "runs"])))
def test_what_was_kept_counts_alike(chosen: dict[str, Any], words: list[str]) -> None:
    tokenisation = Tokenisation(**chosen)
    again = Tokenisation.from_dict(json.loads(json.dumps(tokenisation.as_dict())))
    assert again == tokenisation
    assert again(" ".join(words)) == tokenisation(" ".join(words))
    assert isinstance(tokenisation.describe(), str)


@pytest.mark.parametrize(
    "damaged", [3, {"lowercase": 1}, {"strange": 1}, {"ngram_range": 3}, {"token_pattern": "(["}]
)
def test_a_damaged_record_is_refused(damaged: Any) -> None:
    with pytest.raises(ValueError):
        Tokenisation.from_dict(damaged)
    with pytest.raises(ValueError):
        Origin.from_dict({"reader": "x", "tokenisation": damaged})


@pytest.mark.parametrize(
    "damaged",
    [
        3,
        {},
        {"reader": 3},
        {"reader": "x", "strange": 1},
        {"reader": "x", "words": {"known": "all"}},
        {"reader": "x", "words": {"known": float("nan")}},
        {"reader": "x", "words": {"known": 1.5}},
        {"reader": "x", "options": {"column": [3]}},
        {"reader": "x", "options": {"encoding": 5}},
        {"reader": "x", "options": {"zero_based": "yes"}},
    ],
)
def test_a_damaged_origin_is_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match="origin"):
        Origin.from_dict(damaged)


def test_the_origin_is_part_of_the_corpus(tmp_path: Any) -> None:
    (tmp_path / "d.csv").write_text("id,review\n1,The motor of M3\n2,motor oil\n")
    corpus = read(
        tmp_path / "d.csv",
        column="review",
        id_column="id",
        token_pattern=r"\S+",
        lowercase=False,
        **ALL,
    )
    corpus.save(tmp_path / "saved")
    for kept in (Corpus.load(tmp_path / "saved"), corpus[:1], select_words(corpus, min_df=1)):
        assert kept.origin == corpus.origin
        assert not kept.numbered
    assert corpus.origin is not None
    described = corpus.origin.describe()
    for part in ("'review'", r"'\\S+'", "English stop words", "min_df 1"):
        assert part in described, described
    assert corpus.origin.options["column"] == "review"
    whole = read(tmp_path / "d.csv", column="review", output=tmp_path / "streamed", **ALL)
    assert whole.origin == read(tmp_path / "d.csv", column="review", **ALL).origin


def test_a_tokenizer_has_the_name_to_import_it_by() -> None:
    assert name_of(in_pairs) == f"{__name__}:in_pairs"
    assert name_of(cut) == f"{__name__}:cut"
    assert name_of("jieba:lcut") == "jieba:lcut"
    assert name_of(json.dumps) == "json:dumps"


def test_numbers_of_columns_are_no_words(tmp_path: Any) -> None:
    numbered = Corpus.from_scipy(np.eye(3))
    named = Corpus.from_scipy(np.eye(3), ["0", "1", "2"])
    assert (numbered.numbered, named.numbered) == (True, False)
    for corpus in (numbered, named):
        corpus.save(tmp_path / "c", overwrite=True)
        assert Corpus.load(tmp_path / "c").numbered == corpus.numbered
        assert corpus[:2].numbered == corpus.numbered


def test_words_given_are_composed_and_blank_ones_left_out() -> None:
    """A model of lists of words knows the very lists that it was trained on."""
    words = ["für", "fu\u0308r", " ", "\n", "", "A"]
    corpus = vectorise([words], **ALL)
    assert corpus.vocabulary == ("A", "für")
    assert corpus.counts.tolist() == [1, 2]
    again = in_words_of(Known(corpus.vocabulary, corpus.origin), [words])
    assert again.known_words.tolist() == [1]
    assert Tokenisation(tokenizer=lambda text: words)("a text") == ["für", "für", "A"]
    assert Tokenisation(token_pattern="[a-z]*")("ab c") == ["ab", "c"]
    assert Tokenisation(stop_words=["fu\u0308r"])("für motor") == ["motor"]


@pytest.mark.parametrize("made", [None, "one two", b"one", 3])
def test_what_a_tokenizer_makes_is_checked(made: Any) -> None:
    def cut(text: str) -> Any:
        return made

    with pytest.raises(TypeError, match=r"tokenizer .*cut' makes .* expected a list of words"):
        vectorise(["one two"], tokenizer=cut)


def test_one_missing_document_is_empty() -> None:
    known = Known(("motor",))
    with pytest.warns(UserWarning, match="known"):
        assert in_words_of(known, [None]).known_words.tolist() == [0]
    assert as_texts([None], all_missing=True) == [""]
    assert as_texts([], all_missing=True) is None


def test_what_holds_columns_is_no_list_of_documents() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"first text": ["engine"], "second text": ["motor"]})
    for texts in (frame, {"a": "engine"}, np.array([["engine"], ["motor"]])):
        with pytest.raises(TypeError, match="one column of a table"):
            vectorise(texts, **ALL)


def test_a_data_frame_is_read_as_a_table_is() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"review": ["engine motor", None, "motor"], "stars": [1, None, 3], "key": ["a", "b", "c"]}
    )
    corpus = read(frame, column="review", label_column="stars", id_column="key", **ALL)
    assert corpus.vocabulary == ("engine", "motor")
    assert corpus.document_lengths.tolist() == [2, 0, 1]
    assert corpus.labels == ("1", "", "3")
    assert corpus.document_ids == ("a", "b", "c")
    again = in_words_of(Known(corpus.vocabulary, corpus.origin), frame)  # of the same column
    assert (again.to_scipy() != corpus.to_scipy()).nnz == 0
    with pytest.raises(ValueError, match="the table has 2 columns 'text'; expected one"):
        read(pandas.DataFrame([["engine", "motor"]], columns=["text", "text"]))
    with pytest.raises(ValueError, match="no column 'text', found 'review'"):
        read(frame)
    with pytest.raises(TypeError, match="path is a list; expected a path or a DataFrame"):
        read(["engine"])


def test_a_selection_of_words_is_told() -> None:
    """Else the corpus is said to know all words, and its own texts to be of another language."""
    texts = ["engine motor wheel", "engine brake", "engine gear"]
    corpus = select_words(vectorise(texts, **ALL), max_features=1, stop_words=["gear"])
    assert corpus.origin is not None
    assert corpus.origin.words["known"] == pytest.approx(3 / 7)
    told = corpus.origin.describe()
    assert "selected by stop_words 1 given, min_df 1, max_df 1.0, max_features 1; 42.9%" in told
    assert Origin.from_dict(json.loads(json.dumps(corpus.origin.as_dict()))) == corpus.origin


def test_a_record_is_read_without_the_package_of_stop_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model loads, and says what it is made of; only counting needs the list."""
    monkeypatch.setitem(sys.modules, "stop_words", None)
    kept = Tokenisation.from_dict({"stop_words": "german"})
    assert "German stop words left out" in kept.describe()
    for count in (kept.imported, lambda: kept("ein Text")):
        with pytest.raises(ImportError, match="pip install"):
            count()
