"""How a corpus was made: kept with it, and with the models that are trained on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ntm_fast.data.text.tokenisation import Tokenisation

WORD_LISTS = "lists of words"  # a reader's name: texts were split into words before they came here
_USED: dict[
    str, type | tuple[type, ...]
] = {  # what reading other documents in the same way depends on
    "column": (str, int),
    "encoding": str,
    "quoting": str,
    "zero_based": bool,
    "known": (int, float),
    "selected": dict,
}
_PARTS = {"reader": str, "options": dict, "tokenisation": dict, "words": dict}


@dataclass(frozen=True)
class Origin:
    """Where a corpus comes from, so that other documents can be counted in the same way.

    Attributes
    ----------
    reader : the format it was read from, such as "text", "table", "libsvm"
    options : the reader's options, given or found out, such as the column or how words are numbered
    tokenisation : how texts were split into words; None for counts. For lists of words only its
        stop words and n-grams apply
    words : which words were kept: the limits min_df, max_df and max_features, or "given" for a
        given vocabulary; "selected" has the limits of `select_words`; "stop_words_left_out" and
        "known" have the number of stop words and the share of the other words that was kept
    """

    reader: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tokenisation: Tokenisation | None = None
    words: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("options", "words"):
            given = {k: _plain(v) for k, v in getattr(self, name).items() if v is not None}
            object.__setattr__(self, name, given)

    def as_dict(self) -> dict[str, Any]:
        """The parts as JSON can hold them."""
        parts: dict[str, Any] = {"reader": self.reader}
        parts |= {n: dict(getattr(self, n)) for n in ("options", "words") if getattr(self, n)}
        if self.tokenisation is not None:
            parts["tokenisation"] = self.tokenisation.as_dict()
        return parts

    @classmethod
    def from_dict(cls, parts: Any) -> Origin:
        """The inverse of `as_dict`. Raises ValueError for damaged parts."""
        if not isinstance(parts, dict) or not isinstance(parts.get("reader"), str):
            raise ValueError(f"origin is {parts!r}")
        for name, value in parts.items():
            if name not in _PARTS or not isinstance(value, _PARTS[name]):
                raise ValueError(f"origin has {name} = {value!r}")
        for name, value in {**parts.get("options", {}), **parts.get("words", {})}.items():
            if not isinstance(value, _USED.get(name, object)):
                raise ValueError(f"origin has {name} = {value!r}")
        known = parts.get("words", {}).get("known", 1.0)
        if not 0 <= known <= 1:
            raise ValueError(f"origin has known = {known!r}; expected a share in [0, 1]")
        saved = parts.get("tokenisation")
        tokenisation = None if saved is None else Tokenisation.from_dict(saved)
        return cls(**{**parts, "tokenisation": tokenisation})

    def with_words(self, **words: Any) -> Origin:
        """The same origin with more entries in `words`."""
        return replace(self, words={**self.words, **words})

    def describe(self) -> str:
        """The origin in one sentence, for a report or a methods section."""
        said = [f"Documents were read from {self.reader}"]
        if self.options:
            named = (f"{name} {_plain(value)!r}" for name, value in self.options.items())
            said[0] += f" ({', '.join(named)})"
        if self.tokenisation is not None and self.reader != WORD_LISTS:
            said.append(f"texts were split into {self.tokenisation.describe()}")
        words = dict(self.words)
        removed = words.pop("stop_words_left_out", None)
        known, selected = words.pop("known", None), words.pop("selected", None)
        if words.pop("given", False):
            said.append("the vocabulary was given")
        limits = [f"{name} {value}" for name, value in words.items() if value is not None]
        if limits:
            said.append(f"words were kept within {', '.join(limits)}")
        if selected:
            named = (f"{name} {value}" for name, value in selected.items())
            said.append(f"of these, words were selected by {', '.join(named)}")
        if known is not None:
            said.append(f"{known:.1%} of the words read are in the vocabulary")
        if removed:
            said.append(f"{removed:,} occurrences of stop words were left out")
        return "; ".join(said) + "."


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    try:
        json.dumps(value)
    except TypeError:
        return str(value)
    return value
