"""Documents in the words of a model, counted as the corpus was that it was trained on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import WORD_LISTS, Origin
from ntm_fast.data.readers.formats import Format
from ntm_fast.data.readers.read import accepted_options, format_of, read
from ntm_fast.data.readers.table import is_frame, read_frame
from ntm_fast.data.text.tokenisation import Tokenisation, as_texts, guessed, name_of
from ntm_fast.data.text.vectorise import TOKENISATION, vectorise
from ntm_fast.data.text_files import decodes

FEW = (
    0.2  # a smaller part than this of the share of known words in the training corpus is a warning
)


@dataclass(frozen=True)
class Known:
    """What a model knows of words: its vocabulary [V], and how its corpus was made, if told."""

    vocabulary: tuple[str, ...]
    origin: Origin | None = None
    numbered: bool = False


def in_words_of(known: Known, source: Any, **options: Any) -> Corpus:
    """Documents counted in a model's words, as the corpus was that it was trained on.

    Parameters
    ----------
    known : the model's words and their origin
    source : a path as of :func:`ntm_fast.data.read`, "-" for standard input, texts (a list, array
        or Series of str, or lists of words), a DataFrame, or a Corpus
    options : of the reader, in place of those that the model's corpus was read with

    Texts are split into words, the column of a table is chosen, and the words of a libsvm file
    are numbered as in the training corpus. Columns of counts are matched by word. They are
    matched by position only where one side has no words, with a warning. Words that the model
    does not know are left out. `Corpus.known_words` has the share of each document that is left,
    which may be 0; a warning is given where the share of all documents together is small.

    Raises
    ------
    ValueError
        Where the model has no words to find in texts, columns cannot be matched, or the model's
        tokenizer, a function named in a file, has not been given again as `tokenizer=`.
    TypeError, FileNotFoundError
        As `read` does.
    """
    corpus = _read(known, source, options)
    warn_of_few(corpus, known.origin)
    return corpus


def matched(corpus: Corpus, known: Known, name: str = "the corpus") -> Corpus:
    """A corpus in a model's words: by word where both have words, else by position."""
    if corpus.vocabulary is known.vocabulary and corpus.numbered == known.numbered:
        return corpus
    if not (corpus.numbered or known.numbered):
        return corpus.in_words(known.vocabulary)
    why = f"{name if corpus.numbered else 'the model'} has no words"
    if corpus.numbered and known.numbered:
        why = f"neither {name} nor the model has words"
    if corpus.n_words != len(known.vocabulary):
        raise ValueError(
            f"{name} has a vocabulary of {corpus.n_words} words, but the model is expecting"
            f" {len(known.vocabulary)}, and {why} to match the columns by"
        )
    taken = "" if known.numbered else f": column 0 is taken for the model's {known.vocabulary[0]!r}"
    warnings.warn(f"columns are matched by position, since {why}{taken}", stacklevel=4)
    return corpus.as_columns_of(known.vocabulary, known.numbered)


def warn_of_few(corpus: Corpus, origin: Origin | None) -> None:
    """Warn where fewer words of the documents are known than a model can say anything by."""
    if corpus.words_read is None or not len(corpus):
        return
    share, own = known_share(corpus), 1.0 if origin is None else origin.words.get("known", 1.0)
    if share < FEW * own:
        warnings.warn(
            f"{share:.1%} of the words of these documents are known to the model (of its training"
            f" corpus: {own:.1%}). Check their language, their subject, and how words are split",
            stacklevel=4,
        )


def known_share(corpus: Corpus) -> float:
    """Share of all words of the documents that are in the vocabulary; see `Corpus.known_words`."""
    if corpus.words_read is None:
        return 1.0
    read = float(corpus.words_read.sum())
    return corpus.n_tokens / read if read else 0.0


def _read(known: Known, source: Any, options: dict[str, Any]) -> Corpus:
    if isinstance(source, Corpus):
        _refuse(options, "a Corpus")
        return matched(source, known)
    texts = as_texts(source, all_missing=True)
    if texts is not None:
        words_given = all(not isinstance(text, str) or not text for text in texts)
        return vectorise(texts, **_counting(known, options, words_given))
    if is_frame(source):
        before = {} if known.origin is None else known.origin.options
        told = {name: before[name] for name in ("column",) if name in before}
        return read_frame(source, **{**told, **_counting(known, options, words_given=False)})
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"documents are a {type(source).__name__}; expected a path, a list of texts, a"
            " DataFrame, or a Corpus"
        )
    row, path = format_of(source, "pattern" in options)
    asked = {**_remembered(row, path, known, options), **options}
    if row.holds_texts:
        return read(source, **{**asked, **_counting(known, options, words_given=False)})
    name = os.fspath(source)
    found = read(source, **asked)
    if "zero_based" in row.remembered and "zero_based" not in asked:
        _warn_of_numbering(found, name)
    return matched(found, known, name)


def _remembered(
    row: Format, path: Path, known: Known, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The reader's options that the model's corpus was read with, as far as they apply here."""
    before = {} if known.origin is None else known.origin.options
    found = {name: before[name] for name in row.remembered if name in before}
    if "n_words" in row.parameters:
        found["n_words"] = len(known.vocabulary)
    encoding = before.get("encoding")
    takes_it = "encoding" in accepted_options(row) and "encoding" not in options
    if takes_it and encoding not in (None, "utf-8") and path.is_file() and not decodes(path):
        found["encoding"] = encoding
    return found


def _warn_of_numbering(found: Corpus, name: str) -> None:
    """Warn where a libsvm file may be numbered from 0 or 1, neither end of which occurs."""
    told = {} if found.origin is None else found.origin.options
    if not told.get("zero_based") and found.indices.max() + 1 < found.n_words:
        warnings.warn(
            f"{name}: words are taken as numbered from 1, since no word 0 occurs; zero_based="
            " (`--zero-based`, `--one-based`) says which it is",
            stacklevel=5,
        )


def _counting(known: Known, options: Mapping[str, Any], words_given: bool) -> dict[str, Any]:
    """Options of `vectorise`: as the model's corpus was counted, but for those given anew."""
    if known.numbered:
        raise ValueError(
            "the model was trained on counts without words, so it knows none of a text: give"
            " counts, or train it with a vocabulary"
        )
    before = known.origin.tokenisation if known.origin is not None else None
    told_apart = known.origin is not None and known.origin.reader != WORD_LISTS
    anew = {"token_pattern", "tokenizer"} & {n for n, v in options.items() if v is not None}
    if before is None or (not told_apart and not words_given):
        before = _guess(known.vocabulary, quiet=bool(anew) or words_given)
    elif not (before.is_ready or anew or words_given):
        raise ValueError(
            "the model's texts were split into words by the function"
            f" {name_of(before.tokenizer or '')!r}, which is not run because a file names it: give"
            " it again: `model.read(texts, tokenizer=…)`, or `--tokenizer`"
        )
    counting = {name: getattr(before, name) for name in TOKENISATION}
    if before.is_ready and before.tokenizer is not None:
        counting["tokenizer"] = before._function
    if anew:
        counting["token_pattern"] = counting["tokenizer"] = None
    if words_given:
        counting["tokenizer"] = None
    return {**counting, **options, "vocabulary": known.vocabulary}


def _guess(vocabulary: tuple[str, ...], quiet: bool) -> Tokenisation:
    """A tokenisation for a vocabulary whose own is not known."""
    found, impossible = guessed(vocabulary)
    if not quiet:
        lost = f", which cannot find {len(impossible)} of its words" if impossible else ""
        warnings.warn(
            "how the model's texts were split into words is not known; these are counted as"
            f" {found.describe()}{lost}. token_pattern=, lowercase= and tokenizer= say otherwise",
            stacklevel=6,
        )
    return found


def _refuse(options: Mapping[str, Any], what: str) -> None:
    for name in options:
        raise TypeError(f"{what} takes no option {name!r}")
