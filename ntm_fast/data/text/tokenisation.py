"""How texts are split into words: a part of every corpus and model made of text."""

from __future__ import annotations

import pickle
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

from ntm_fast.data.text.stop_words import stop_words_of
from ntm_fast.data.text.writing import normalised, words_of

Text = str | Sequence[str]
"""A document: its text, or its words if they are split already."""
Tokenizer = Callable[[str], Iterable[str]]

WORDS_LOOKED_AT = 10_000  # of a vocabulary, when it is asked which tokenisation it stems from


@dataclass(frozen=True)
class Tokenisation:
    """How texts are split into words; options as for :func:`ntm_fast.data.vectorise`.

    Called with a text, it returns its words, repeats included: in composed form (NFC) and lower
    case, by the tokenizer, the pattern or (neither given) by the default rules, without stop
    words, with n-grams. In a list of words the case is kept, and blank words are left out.
    Where the tokenizer cannot be pickled, its name is, which has to be imported again.
    """

    lowercase: bool = True
    token_pattern: str | None = None
    tokenizer: Tokenizer | str | None = None
    stop_words: str | tuple[str, ...] | None = "english"
    ngram_range: tuple[int, int] = (1, 1)
    _listed: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)
    _function: Tokenizer | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.lowercase, bool):
            raise TypeError(f"lowercase is {self.lowercase!r}; expected True or False")
        if self.tokenizer is not None and self.token_pattern is not None:
            raise ValueError("token_pattern and tokenizer are both given; expected one of them")
        _checked_pattern(self.token_pattern)
        if self.tokenizer is not None and not isinstance(self.tokenizer, str):
            if not callable(self.tokenizer):
                raise TypeError(
                    f"tokenizer is {self.tokenizer!r}; expected a function, or 'module:function'"
                )
            object.__setattr__(self, "_function", self.tokenizer)
        if self.stop_words is not None and not isinstance(self.stop_words, str):
            words = map(in_nfc, stop_words_of(self.stop_words))
            object.__setattr__(self, "stop_words", tuple(sorted(set(words))))
        object.__setattr__(self, "ngram_range", _checked_range(self.ngram_range))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._function is not None and not can_be_pickled(self._function):
            state.update(tokenizer=name_of(self._function), _function=None)
        return state

    def __deepcopy__(self, memo: Any) -> Tokenisation:
        return self  # nothing of it changes

    def __call__(self, text: Text) -> list[str]:
        words, _ = self.words(text)
        return words

    def words(self, text: Text) -> tuple[list[str], int]:
        """The words of a document, and how many stop words were left out."""
        listed = self._listed
        if listed is None:
            listed = self._all_stop_words()
            object.__setattr__(self, "_listed", listed)
        found = self._split(text)
        kept = [word for word in found if word not in listed] if listed else found
        return self._with_ngrams(kept), len(found) - len(kept)

    @property
    def is_ready(self) -> bool:
        """Whether texts can be counted: a tokenizer that is a name has to be imported first."""
        return self.tokenizer is None or self._function is not None

    def imported(self) -> Tokenisation:
        """The same with its stop words, and its tokenizer imported where it is a name.

        What is only kept, in a corpus or model, needs neither. Raises ValueError, ImportError or
        TypeError where one of them is none or not there.
        """
        ready = object.__new__(Tokenisation)
        ready.__dict__.update(self.__dict__)
        if not self.is_ready:
            object.__setattr__(ready, "_function", _imported(str(self.tokenizer)))
        object.__setattr__(ready, "_listed", ready._all_stop_words())
        return ready

    def _split(self, text: Text) -> list[str]:
        if not isinstance(text, str):
            return [in_nfc(word) for word in text if word and not word.isspace()]
        text = normalised(text, self.lowercase)
        if self.tokenizer is not None:
            return self._by_tokenizer(text)
        if self.token_pattern is not None:
            return list(filter(None, re.findall(self.token_pattern, text)))
        return words_of(text)

    def _by_tokenizer(self, text: str) -> list[str]:
        assert self._function is not None, "see imported()"
        words = self._function(text)
        if isinstance(words, str | bytes) or not isinstance(words, Iterable):
            raise TypeError(
                f"tokenizer {name_of(self._function)!r} makes {str(words)[:50]!r}, of type"
                f" {type(words).__name__}, of a text; expected a list of words"
            )
        return [in_nfc(word) for found in words if (word := str(found).strip())]

    def _with_ngrams(self, words: list[str]) -> list[str]:
        low, high = self.ngram_range
        if high == 1:
            return words
        grams = list(words) if low == 1 else []
        for n in range(max(low, 2), min(high, len(words)) + 1):
            grams.extend(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
        return grams

    def _all_stop_words(self) -> frozenset[str]:
        """The words left out.

        Entries of a language's list that are split, such as par-devant, add their pieces; entries
        of several words never occur. A list of the user's own is taken word for word, with a
        warning if entries would be split.
        """
        listed = stop_words_of(self.stop_words)
        if self.stop_words in (None, "english"):
            return listed
        if isinstance(self.stop_words, str):
            return listed.union(*(self._split(word) for word in listed if " " not in word))
        if self.tokenizer is None:
            self._warn_of_strange(listed)
        return listed

    def _warn_of_strange(self, listed: Iterable[str]) -> None:
        """Warn of stop words that are split into other words; too short ones do no harm."""
        strange = sorted(word for word in listed if self._split(word) not in ([], [word]))
        if strange:
            named = ", ".join(map(repr, strange[:3]))
            warnings.warn(
                f"{len(strange)} stop words never occur as words of a text, such as {named}:"
                f" {strange[0]!r} is counted as {self._split(strange[0])}",
                stacklevel=2,
            )

    def impossible(self, words: Iterable[str]) -> list[str]:
        """The words that no text can give, stop words aside."""
        if self.tokenizer is not None:
            return []  # how it splits a single word says little
        plain = ((word, in_nfc(word)) for word in words)
        return [word for word, own in plain if own not in self._with_ngrams(self._split(own))]

    # -- where it is kept ------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """The options that are not the default, as JSON can hold them; a tokenizer by name."""
        kept: dict[str, Any] = {"lowercase": self.lowercase, "stop_words": self.stop_words or []}
        if self.token_pattern is not None:
            kept["token_pattern"] = self.token_pattern
        if self.tokenizer is not None:
            kept["tokenizer"] = name_of(self.tokenizer)
        kept["ngram_range"] = list(self.ngram_range)
        return kept

    @classmethod
    def from_dict(cls, kept: Any) -> Tokenisation:
        """The inverse of `as_dict`. Raises ValueError for damaged parts."""
        if not isinstance(kept, dict) or not set(kept) <= {f.name for f in fields(cls) if f.init}:
            raise ValueError(f"tokenisation is {kept!r}")
        try:
            stop_words = kept.get("stop_words") or None
            return cls(
                lowercase=kept.get("lowercase", True),
                token_pattern=kept.get("token_pattern"),
                tokenizer=kept.get("tokenizer"),
                stop_words=stop_words if isinstance(stop_words, str | None) else tuple(stop_words),
                ngram_range=tuple(kept.get("ngram_range", (1, 1))),
            )
        except TypeError as error:
            raise ValueError(f"tokenisation is {kept!r}: {error}") from None

    def describe(self) -> str:
        """In words, such as "words of three letters or more in lower case, …"."""
        if self.tokenizer is not None:
            what = f"words by the function {name_of(self.tokenizer)}"
        elif self.token_pattern is not None:
            what = f"words matching {self.token_pattern!r}"
        else:
            what = "words of three letters or more"
        case = " in lower case" if self.lowercase else " in the case in which they stand"
        if self.stop_words is None:
            stops = "no stop words left out"
        elif isinstance(self.stop_words, str):
            stops = f"{self.stop_words.capitalize()} stop words left out"
        else:
            stops = f"{len(self.stop_words)} given stop words left out"
        low, high = self.ngram_range
        grams = "" if high == 1 else f", n-grams of {low} to {high} words"
        return f"{what}{case}{grams}, {stops}"


def guessed(vocabulary: Sequence[str]) -> tuple[Tokenisation, list[str]]:
    """The tokenisation under which most words of a vocabulary can occur, and those that cannot.

    For a vocabulary whose origin is not recorded. It tries the default rules,
    scikit-learn's pattern and what blanks separate, each in lower case and as it stands.
    """
    words = vocabulary[:WORDS_LOOKED_AT]
    most = max(1 + word.count(" ") for word in words)
    candidates = (
        Tokenisation(lowercase, pattern, None, None, (1, most))
        for pattern in (None, r"(?u)\b\w\w+\b", r"\S+")
        for lowercase in (True, False)
    )
    best = None
    for candidate in candidates:
        impossible = candidate.impossible(words)
        if best is None or len(impossible) < len(best[1]):
            best = candidate, impossible
        if not impossible:
            break
    assert best is not None
    return best


def as_texts(values: Any, all_missing: bool = False) -> list[Text] | None:
    """The documents in a list, tuple, array or Series of texts or of lists of words, else None.

    A missing cell (None, NaN) is an empty text; `all_missing` says whether all of them may be
    missing, as in a list of one document. A single str is none of these.
    """
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__len__"):
        return None
    if getattr(values, "ndim", 1) != 1:
        return None
    if hasattr(values, "dtype") and getattr(values.dtype, "kind", "O") in "biufc":
        return None
    if not isinstance(values, list | tuple) and not (
        hasattr(values, "tolist") or hasattr(values, "to_list")
    ):
        return None
    if not isinstance(values, list | tuple):
        values = values.tolist() if hasattr(values, "tolist") else values.to_list()
    texts: list[Text] = []
    for value in values:
        text = text_of(value)
        if text is None:
            return None
        texts.append(text)
    return None if all(map(is_missing, values)) and not (texts and all_missing) else texts


def text_of(value: Any) -> Text | None:
    """A document as `Tokenisation` takes it, empty for a missing cell; None for anything else."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return ""
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return value
    return None


def is_missing(value: Any) -> bool:
    """Whether a cell of a table is empty: None, NaN, or pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def can_be_pickled(tokenizer: Tokenizer | str) -> bool:
    """Whether another process can be given the tokenizer; a lambda cannot."""
    try:
        pickle.dumps(tokenizer)
    except Exception:  # whatever the object's own pickling raises
        return False
    return True


def name_of(tokenizer: Tokenizer | str) -> str:
    """The tokenizer as "module:function", under which it can be imported if that is possible."""
    if isinstance(tokenizer, str):
        return tokenizer
    module = getattr(tokenizer, "__module__", None) or type(tokenizer).__module__
    name = getattr(tokenizer, "__name__", None) or type(tokenizer).__qualname__
    # A bound method that a module offers as a function, such as jieba.lcut, has another qualname.
    if getattr(sys.modules.get(module), name, None) == tokenizer:
        return f"{module}:{name}"
    return f"{module}:{getattr(tokenizer, '__qualname__', name)}"


def in_nfc(word: str) -> str:
    """The word in composed form, as all words of texts are."""
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def _imported(name: str) -> Tokenizer:
    module, colon, function = name.partition(":")
    if not (colon and module and function):
        raise ValueError(f"tokenizer is {name!r}; expected 'module:function', such as jieba:lcut")
    try:
        found: Any = import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"tokenizer is {name!r}, which cannot be imported: {error}") from None
    if not callable(found):
        raise TypeError(f"tokenizer is {name!r}, which is no function but {found!r}")
    return found  # type: ignore[no-any-return]


def _checked_pattern(pattern: Any) -> None:
    if pattern is None:
        return
    if not isinstance(pattern, str):
        raise TypeError(f"token_pattern is {pattern!r}; expected a regular expression, or None")
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError) as error:
        raise ValueError(f"token_pattern is {pattern!r}: {error}") from error
    if groups > 1:
        raise ValueError(
            f"token_pattern is {pattern!r}, which has {groups} groups; expected one at most"
        )


def _checked_range(ngram_range: Any) -> tuple[int, int]:
    if isinstance(ngram_range, tuple | list) and len(ngram_range) == 2:
        low, high = ngram_range
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (low, high))
        if whole and 1 <= low <= high:
            return low, high
    raise ValueError(f"ngram_range is {ngram_range!r}; expected (low, high) with 1 <= low <= high")
