"""From text to a corpus: tokens, stop words and document-frequency limits as in scikit-learn."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from sklearn.feature_extraction.text import CountVectorizer

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.files import lines
from ntm_fast.data.validation import checked_vocabulary

if TYPE_CHECKING:
    from typing_extensions import Unpack

TOKEN_PATTERN = r"(?u)\b[^\W\d_]{3,}\b"
"""Words of at least three letters of any alphabet; names_like_this and x1 are left out."""

Words = str | os.PathLike[str] | Sequence[str] | Mapping[str, int]
"""A vocabulary: the path of a file with one word a line, or the words themselves."""


class TextOptions(TypedDict, total=False):
    """Options of `vectorise`, taken by every reader of text; names as in CountVectorizer."""

    vocabulary: Words | None
    min_df: int | float
    max_df: int | float
    max_features: int | None
    stop_words: Literal["english"] | Collection[str] | None
    token_pattern: str
    lowercase: bool
    ngram_range: tuple[int, int]


def vectorise(
    texts: Iterable[str],
    *,
    labels: Sequence[str] | None = None,
    document_ids: Sequence[str] | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """Count the words of `texts`, one document each, into a corpus.

    Parameters
    ----------
    vocabulary : the words to count, in this order (or the path of a file with one a line);
        None builds the vocabulary from the texts, in alphabetical order
    min_df, max_df : words in fewer documents than `min_df` (2) or more than `max_df` (0.5) are
        left out; a float is a share of the documents, an int a number. Unused with `vocabulary`
    max_features : keep only so many words, the most frequent
    stop_words : "english" (scikit-learn's list), a collection of words, or None
    token_pattern : regular expression of a word; by default three letters or more
    lowercase : fold the texts to lower case first
    ngram_range : (1, 2) counts pairs of neighbouring words too

    Raises
    ------
    TypeError
        For a `str` in place of texts, or an unknown option.
    ValueError
        Where no word is left, and as `Corpus` does.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be an iterable of str, one a document, got a single str")
    settings: dict[str, object] = {
        "min_df": 2,
        "max_df": 0.5,
        "max_features": None,
        "stop_words": "english",
        "token_pattern": TOKEN_PATTERN,
        "lowercase": True,
        "ngram_range": (1, 1),
        "vocabulary": None,
    }
    unknown = set(options) - set(settings)
    if unknown:
        raise TypeError(f"unknown option {min(unknown)!r}, expected one of {', '.join(settings)}")
    settings.update(options)
    words = options.get("vocabulary")
    if words is not None:
        settings["vocabulary"] = read_vocabulary(words)
        if "stop_words" not in options:  # a stop word that the vocabulary holds is wanted
            settings["stop_words"] = None
    if not isinstance(settings["stop_words"], str | None):
        settings["stop_words"] = list(options["stop_words"] or ())
    vectoriser = CountVectorizer(**settings)
    try:
        matrix = vectoriser.fit_transform(texts)
    except re.error as error:
        raise ValueError(f"token_pattern is {settings['token_pattern']!r}: {error}") from error
    except ValueError as error:
        if any(text in str(error) for text in ("empty vocabulary", "no terms", "max_df corresp")):
            raise ValueError(
                "no words are left: every word is a stop word, does not match "
                f"token_pattern={settings['token_pattern']!r} or lies outside "
                f"min_df={settings['min_df']}, max_df={settings['max_df']}"
            ) from error
        raise
    return Corpus.from_scipy(
        matrix, vectoriser.get_feature_names_out().tolist(), labels, document_ids
    )


def read_vocabulary(words: Words) -> tuple[str, ...]:
    """The words themselves, checked, or those of the file at this path, one word a line."""
    if not isinstance(words, str | os.PathLike):
        return checked_vocabulary(words, None)
    path = Path(words)
    try:
        return checked_vocabulary([line.rstrip("\r\n") for _, line in lines(path)], None)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
