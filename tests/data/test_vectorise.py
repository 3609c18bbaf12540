from pathlib import Path
from typing import Any

import pytest

from ntm_fast.data import Corpus, read_vocabulary, vectorise

TEXTS = ["The cat saw the dogs", "Dogs of war; cat_food x1 cat", "war and peace", ""]


def dense(corpus: Corpus) -> dict[str, list[float]]:
    columns = corpus.to_scipy().toarray().T.tolist()
    return dict(zip(corpus.vocabulary, columns, strict=True))


def test_defaults_suit_topic_models() -> None:
    # "peace" is in one document; "the", "of", "and" are stop words; names_like_this are no words.
    assert dense(vectorise(TEXTS)) == {
        "cat": [1, 1, 0, 0],
        "dogs": [1, 1, 0, 0],
        "war": [0, 1, 1, 0],
    }


def test_options_are_those_of_scikit_learn() -> None:
    corpus = vectorise(
        TEXTS,
        min_df=1,
        max_df=1.0,
        stop_words={"dogs"},
        token_pattern=r"\w+",
        lowercase=False,
        ngram_range=(1, 2),
        max_features=3,
        labels=list("abcd"),
        document_ids=list("efgh"),
    )
    assert len(corpus.vocabulary) == 3
    assert "dogs" not in corpus.vocabulary
    assert corpus.labels == ("a", "b", "c", "d")
    assert corpus.document_ids == ("e", "f", "g", "h")


def test_a_vocabulary_fixes_the_columns(tmp_path: Path) -> None:
    words = ["war", "the", "unseen", "cat"]
    expected = {"war": [0, 1, 1, 0], "the": [2, 0, 0, 0], "unseen": [0] * 4, "cat": [1, 1, 0, 0]}
    assert dense(vectorise(TEXTS, vocabulary=words)) == expected
    (tmp_path / "v.txt").write_text("\n".join(words))
    assert dense(vectorise(TEXTS, vocabulary=tmp_path / "v.txt")) == expected
    assert read_vocabulary(str(tmp_path / "v.txt")) == tuple(words)


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ("one text", {}, TypeError, "texts must be an iterable of str"),
        (TEXTS, {"min_fd": 3}, TypeError, "unknown option 'min_fd', expected one of min_df"),
        (TEXTS, {"min_df": 4}, ValueError, "no words are left.*min_df=4, max_df=0.5"),
        (["the", "of"], {}, ValueError, "no words are left: every word is a stop word"),
        (TEXTS, {"vocabulary": ["a", "a"]}, ValueError, r"vocabulary\[1\] = 'a' repeats"),
        ([], {"vocabulary": ["cat"]}, ValueError, "empty corpus"),
    ],
)
def test_bad_input_is_named(texts: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        vectorise(texts, **options)


def test_a_bad_vocabulary_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("a\n\nb\n")
    with pytest.raises(ValueError, match=r"v.txt: vocabulary\[1\] = '' is empty"):
        read_vocabulary(tmp_path / "v.txt")
    with pytest.raises(FileNotFoundError, match=r"none.txt does not exist"):
        read_vocabulary(tmp_path / "none.txt")
