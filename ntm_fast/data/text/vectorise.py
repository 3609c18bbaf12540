"""From text to a corpus: tokens, stop words and document-frequency limits as in scikit-learn."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import joblib
import numpy as np

from ntm_fast.data import saved_corpus
from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import WORD_LISTS, Origin
from ntm_fast.data.text.tokenisation import (
    WORDS_LOOKED_AT,
    Text,
    Tokenisation,
    Tokenizer,
    can_be_pickled,
    is_missing,
)
from ntm_fast.data.text.tokens import MOST_JOBS, Document, counted_chunks
from ntm_fast.data.text.word_counts import WordCounts
from ntm_fast.data.text.writing import letters_without_blanks
from ntm_fast.data.text_files import lines
from ntm_fast.data.validation import checked_strings, checked_vocabulary, require_words
from ntm_fast.data.words import check_limits, words_within
from ntm_fast.files import path_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

CHARACTERS_LOOKED_AT = 1_000_000  # of the first texts, for the script that they are in

Words = str | os.PathLike[str] | Sequence[str] | Mapping[str, int]
"""A vocabulary: the path of a file with one word a line, or the words themselves."""


class WorkOptions(TypedDict, total=False):
    """Options of `vectorise` that say how and where the corpus is made, not what is in it."""

    output: str | os.PathLike[str] | None
    overwrite: bool
    n_jobs: int | None
    progress: Callable[[int], object] | None


class TextOptions(WorkOptions, total=False):
    """Options of `vectorise`, taken by every reader of text; names as in CountVectorizer."""

    vocabulary: Words | None
    min_df: int | float
    max_df: int | float
    max_features: int | None
    stop_words: str | Collection[str] | None
    token_pattern: str | None
    tokenizer: Tokenizer | str | None
    lowercase: bool
    ngram_range: tuple[int, int]


TOKENISATION: dict[str, Any] = {
    "stop_words": "english",
    "token_pattern": None,
    "tokenizer": None,
    "lowercase": True,
    "ngram_range": (1, 1),
}
_LIMITS: dict[str, Any] = {"min_df": 2, "max_df": 0.5, "max_features": None}
_WORK: dict[str, Any] = {"output": None, "overwrite": False, "n_jobs": 1, "progress": None}


def vectorise(
    texts: Iterable[Text | None],
    *,
    labels: Iterable[str] | None = None,
    document_ids: Iterable[str] | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """Count the words of `texts`, one document each, into a corpus.

    A document is a str, or a list of words that are split already; a missing one (None, NaN) is
    empty. How texts were split into words is part of the corpus (`Corpus.origin`).

    The texts are read once, in order, and may come from a generator. With `output` the corpus is
    written to a folder as it comes, for texts and corpora larger than memory: what is held is the
    distinct words of all texts (some 300 bytes each), 2 million characters of text and their
    counts for each of 2 `n_jobs` chunks (or the longest document, if it is longer), and for the
    corpus returned, which is memory-mapped, its vocabulary, labels and document ids. Beside the
    folder's own size the disk needs 8 bytes for each distinct word of each document meanwhile.
    The corpus is the same, bit for bit, with and without `output` and for any `n_jobs`.

    Parameters
    ----------
    labels, document_ids : one for each text
    vocabulary : the words to count, in this order (or the path of a file with one a line);
        None builds the vocabulary from the texts, in alphabetical order
    min_df, max_df : words in fewer documents than `min_df` (2) or more than `max_df` (0.5) are
        left out; a float is a share of the documents, an int a number. Unused with `vocabulary`
    max_features : keep only so many words, the most frequent, and the first in the alphabet of
        equals
    stop_words : "english" (scikit-learn's list), another language such as "german" (with the
        package stop-words: ``pip install "ntm_fast[stopwords]"``), a collection of words, or None
    token_pattern : regular expression of a word, as in CountVectorizer. By default a word is three
        letters or more of any script, with their marks (two, where a sign is a syllable: Han,
        kana, Hangul, Ethiopic, …), and no digit or underscore beside them
    tokenizer : function that makes a list of words of a text, such as ``jieba.lcut``, or its
        "module:function"; for scripts without blanks between words, of which a warning tells
    lowercase : fold the texts to lower case first. In any case they are composed first (Unicode's
        NFC), so that é is one letter however it was typed
    ngram_range : (1, 2) counts pairs of neighbouring words too
    output : folder to write the corpus to, whole or not at all, as `Corpus.save` does
    overwrite : replace a corpus in that folder
    n_jobs : processes that count words (1), None for one a core, 8 at most; with more than 1
        a script has to call this under ``if __name__ == "__main__":``
    progress : called with the number of documents counted so far, every now and then

    Raises
    ------
    TypeError
        For a `str` in place of texts, a text that is none, or an unknown option.
    ImportError
        For stop words of another language without the package stop-words, or a tokenizer that is
        not there.
    ValueError
        Where no word is left, and as `Corpus` does.
    FileExistsError, OSError
        As `Corpus.save` does, for `output`.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be an iterable of str, one a document, got a single str")
    if isinstance(texts, Mapping) or getattr(texts, "ndim", 1) != 1:
        raise TypeError(
            f"texts are a {type(texts).__name__}, whose items are no documents; expected a list of"
            " str, or one column of a table"
        )
    return vectorise_documents(documents_of(texts, labels, document_ids), **options)


def vectorise_documents(
    documents: Iterable[Document],
    origin: Origin | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """`vectorise` of texts that come with their labels and ids: all of them, or none.

    `origin` says what reader they come from; the rest of it is added here.
    """
    settings, tokenisation = _checked(options)
    origin = replace(
        origin or Origin("texts"),
        tokenisation=tokenisation,
        words={n: settings[n] for n in _LIMITS}
        if settings["vocabulary"] is None
        else {"given": True},
    )
    output, overwrite = settings["output"], settings["overwrite"]
    place = nullcontext(None) if output is None else saved_corpus.new_folder(output, overwrite)
    with (
        place as folder,
        closing(WordCounts(settings["vocabulary"], folder)) as counts,
        closing(saved_corpus.DocumentLines(folder)) as texts,
    ):
        watch = _Watch(tokenisation, settings["vocabulary"] or ())
        for chunk, counted in counted_chunks(documents, tokenisation, settings["n_jobs"]):
            watch.look(chunk)
            named = _named(chunk, counts.n_documents)
            with saved_corpus.save_errors_name(output):
                for name, values in named.items():
                    texts.add(name, values)
                counts.add(counted)
            if settings["progress"] is not None:
                settings["progress"](counts.n_documents)
        watch.warn()
        words, columns = _chosen(counts, settings, tokenisation)
        n_nonzeros = int(counts.frequency[columns >= 0].sum())
        origin = watch.told(origin).with_words(
            stop_words_left_out=counts.stop_words or None,
            known=counts.known_words(columns),
        )
        if not (counts.fixed and folder is None and counts.n_documents):
            require_words(counts.n_documents, n_nonzeros)
        parts = counts.blocks(columns, len(words))
        if folder is None:
            arrays = saved_corpus.gather(parts, counts.n_documents, n_nonzeros)
            corpus = Corpus._trusted(
                *arrays, checked_vocabulary(words, None), **texts.as_tuples(), origin=origin
            )
            return corpus.with_words_read(counts.words_read) if counts.fixed else corpus
        with saved_corpus.save_errors_name(output):
            saved_corpus.write(
                folder, parts, words, counts.n_documents, n_nonzeros, texts, origin=origin
            )
    return Corpus.load(output)


def _checked(options: TextOptions) -> tuple[dict[str, Any], Tokenisation]:
    """All settings, and the tokenisation that they stand for; before a text is read."""
    known = {**_LIMITS, **TOKENISATION, "vocabulary": None, **_WORK}
    unknown = set(options) - set(known)
    if unknown:
        raise TypeError(f"unknown option {min(unknown)!r}, expected one of {', '.join(known)}")
    settings: dict[str, Any] = {**known, **options}
    if settings["vocabulary"] is not None:
        settings["vocabulary"] = read_vocabulary(settings["vocabulary"])
        if "stop_words" not in options:  # a stop word that the vocabulary holds is wanted
            settings["stop_words"] = None
    check_limits(**{name: settings[name] for name in _LIMITS})
    n_jobs = settings["n_jobs"]
    if n_jobs is None:
        n_jobs = min(joblib.cpu_count(), MOST_JOBS)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs!r}, expected an int >= 1, or None")
    if settings["tokenizer"] is not None and not can_be_pickled(settings["tokenizer"]):
        n_jobs = 1  # a lambda cannot be sent to another process
    settings["n_jobs"] = n_jobs
    tokenisation = Tokenisation(**{n: settings[n] for n in TOKENISATION}).imported()
    return settings, tokenisation


class _Watch:
    """Looks at the texts that go by, for what a person has to be told of them."""

    def __init__(self, tokenisation: Tokenisation, vocabulary: Sequence[str]) -> None:
        self._tokenisation, self._vocabulary = tokenisation, vocabulary
        plain = tokenisation.token_pattern is None and tokenisation.tokenizer is None
        self._left = CHARACTERS_LOOKED_AT if plain else 0
        self._letters = self._without_blanks = 0
        self._of_words = True

    def look(self, chunk: list[Document]) -> None:
        """Take note of some documents."""
        if self._left <= 0 and not self._of_words:
            return
        for document in chunk:
            if isinstance(document.text, str):
                if document.text:
                    self._of_words = False
                if self._left > 0:
                    letters, found = letters_without_blanks(document.text)
                    self._letters += letters
                    self._without_blanks += found
                    self._left -= len(document.text)

    def told(self, origin: Origin) -> Origin:
        """The origin; lists of words were not split here."""
        return replace(origin, reader=WORD_LISTS) if self._of_words else origin

    def warn(self) -> None:
        """Tell of scripts, and of words of a vocabulary, that this tokenisation cannot find."""
        if self._of_words:
            return
        if self._without_blanks * 2 > self._letters:
            share = self._without_blanks / self._letters
            warnings.warn(
                f"{share:.0%} of the letters are of scripts that set no blanks between words"
                " (Chinese, Japanese, Thai, …), whose sentences would be counted as words."
                " Give a tokenizer (tokenizer='jieba:lcut', or `--tokenizer jieba:lcut`), lists"
                r" of words, or text with blanks and token_pattern=r'\S+'",
                stacklevel=3,
            )
        impossible = self._tokenisation.impossible(self._vocabulary[:WORDS_LOOKED_AT])
        if impossible:
            named = ", ".join(map(repr, impossible[:5])) + (", …" if len(impossible) > 5 else "")
            warnings.warn(
                f"{len(impossible)} words of the vocabulary cannot occur in texts that are counted"
                f" as {self._tokenisation.describe()}: {named}; token_pattern, tokenizer,"
                " lowercase and ngram_range decide",
                stacklevel=3,
            )


def documents_of(
    texts: Iterable[Text | None],
    labels: Iterable[str] | None = None,
    document_ids: Iterable[str] | None = None,
) -> Iterator[Document]:
    """Texts with their labels and ids, of which there have to be as many."""
    given = {"labels": labels, "document_ids": document_ids}
    for name, values in given.items():
        if isinstance(values, str):
            raise TypeError(f"{name} must be a sequence of str, got the single str {values[:50]!r}")
        if isinstance(values, np.ndarray):
            given[name] = values.tolist()
    beside = {name: iter(values) for name, values in given.items() if values is not None}
    end = object()
    n = 0
    for n, text in enumerate(texts, 1):
        found = {name: next(values, end) for name, values in beside.items()}
        for name, value in found.items():
            if value is end:
                raise ValueError(f"{name} has length {n - 1}, and there are more documents")
            if is_missing(value):
                found[name] = ""
        yield Document(text, found.get("labels"), found.get("document_ids"))  # type: ignore[arg-type]
    for name, values in beside.items():
        if next(values, end) is not end:
            raise ValueError(f"{name} has more than {n} entries, the number of documents")


def _named(chunk: list[Document], start: int) -> dict[str, tuple[str, ...]]:
    """Labels and ids of a chunk, where the documents have such."""
    found = {}
    for name, field in (("labels", "label"), ("document_ids", "document_id")):
        values = [getattr(document, field) for document in chunk]
        if values[0] is not None:
            found[name] = checked_strings(name, values, len(chunk), start)
    return found


def _chosen(
    counts: WordCounts, settings: dict[str, Any], tokenisation: Tokenisation
) -> tuple[tuple[str, ...], Any]:
    """The words of the corpus, and the column of each word of the counts or −1, int32."""
    if counts.fixed:
        return settings["vocabulary"], np.arange(len(counts.ids), dtype=np.int32)
    words = sorted(counts.ids)
    order = np.fromiter(map(counts.ids.__getitem__, words), np.int64, len(words))
    kept = words_within(
        counts.frequency[order],
        counts.totals[order],
        counts.n_documents,
        **{name: settings[name] for name in _LIMITS},
    )
    if not kept.size:
        raise ValueError(
            "no words are left: every word is a stop word or lies outside"
            f" min_df={settings['min_df']}, max_df={settings['max_df']}; of"
            f" {counts.n_documents} documents {len(words)} distinct words were read, as"
            f" {tokenisation.describe()}"
        )
    columns = np.full(order.size, -1, np.int32)
    columns[order[kept]] = np.arange(kept.size, dtype=np.int32)
    return checked_vocabulary([words[at] for at in kept.tolist()], None), columns


def read_vocabulary(words: Words) -> tuple[str, ...]:
    """The words themselves, checked, or those of the file at this path, one word a line."""
    if not isinstance(words, str | os.PathLike):
        return checked_vocabulary(words, None)
    path = path_of(words)
    try:
        listed = [line.rstrip("\r\n") for _, line in lines(path, can_be_told=False)]
        return checked_vocabulary(listed, None)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
