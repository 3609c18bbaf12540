"""Topics and figures as lines of text or as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence


def printable(text: str) -> str:
    """Text from a file made safe for a terminal: control characters are shown as escapes."""
    return "".join(
        char.encode("unicode_escape").decode() if _commands(char) else char for char in text
    )


def _commands(char: str) -> bool:
    """Whether a character moves the cursor, changes colours, or turns the line's direction."""
    return unicodedata.category(char) in ("Cc", "Cs") or unicodedata.bidirectional(char) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip


def topics_as_text(topics: Sequence[Sequence[str]]) -> str:
    """One line a topic: its number, then its words, best first."""
    width = len(str(len(topics) - 1))
    return "\n".join(
        f"{k:>{width}}  {printable(' '.join(words))}" for k, words in enumerate(topics)
    )


def topics_as_json(topics: Sequence[Sequence[str]]) -> str:
    """A list of objects {"topic": number, "words": [best first]}, one a line."""
    rows = [
        json.dumps({"topic": k, "words": list(words)}, ensure_ascii=False)
        for k, words in enumerate(topics)
    ]
    return "[\n" + ",\n".join(rows) + "\n]"


def facts_as_text(facts: Mapping[str, object]) -> str:
    """One line a fact, names in one column; floats to four digits, None as "none"."""
    width = max(map(len, facts), default=0)
    return "\n".join(f"{name:<{width}}  {_text(value)}" for name, value in facts.items())


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return printable(str(value))
