"""Lists of stop words by the name of their language."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from ntm_fast.data.text_files import lines


def stop_words_of(stop_words: str | Collection[str] | None) -> frozenset[str]:
    """The words that `stop_words=` stands for: a language, the words themselves, or None.

    "english" is scikit-learn's list. Other languages ("german", "de", …) come from the package
    stop-words. Raises ValueError for a language without a list, ImportError without that package,
    TypeError for what is neither text nor words.
    """
    if stop_words is None:
        return frozenset()
    if stop_words == "english":
        return frozenset(ENGLISH_STOP_WORDS)
    if isinstance(stop_words, str):
        return _of_language(stop_words)
    if not isinstance(stop_words, Collection) or isinstance(stop_words, bytes):
        raise TypeError(
            f"stop_words is {stop_words!r}; expected a language such as 'english', words, or None"
        )
    for at, word in enumerate(stop_words):
        if not isinstance(word, str):
            raise TypeError(f"stop_words[{at}] is {word!r}; expected a str")
    return frozenset(stop_words)


def _of_language(language: str) -> frozenset[str]:
    try:
        import stop_words as lists
    except ImportError:
        raise ImportError(
            f"stop_words is {language!r}: lists other than 'english' need the package stop-words:"
            ' pip install "ntm_fast[stopwords]"; or give the words themselves'
        ) from None
    known = {**lists.LANGUAGE_MAPPING, **{name: name for name in lists.AVAILABLE_LANGUAGES}}
    name = known.get(language.strip().lower())
    if name is None:
        names = ", ".join(sorted(set(known.values())))
        raise ValueError(f"stop_words is {language!r}; expected one of {names}, words, or None")
    return frozenset(lists.get_stop_words(name))


def stop_words_in(file: Path) -> list[str]:
    """The words of a file, with blanks or line ends between them."""
    return [word for _, line in lines(file, can_be_told=False) for word in line.split()]
