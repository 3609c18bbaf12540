"""What Unicode says of writing: which signs are marks, and which scripts write without blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

# Each sign is a syllable or more, so that words of two signs are common.
_SYLLABLES = (
    "\u1200-\u137f\u2d80-\u2ddf\uab00-\uab2f"  # Ethiopic
    "\u13a0-\u13ff\uab70-\uabbf"  # Cherokee
    "\u1400-\u167f\ua000-\ua48f"  # Canadian syllabics, Yi
    "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\uac00-\ud7a3"  # Hangul
)
_NO_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_INVISIBLE = {0xAD, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_invisible = re.compile("[\xad\ufe00-\ufe0f]|[\U000e0100-\U000e01ef]")
_JOINERS = "\u200c\u200d"
_LETTERS_ALONE = re.compile(r"\b[^\W\d_]{3,}\b")
_without_blanks = re.compile(f"[{_NO_BLANKS}]")


def normalised(text: str, lowercase: bool) -> str:
    """The text in composed form (NFC), in lower case if asked, without invisible signs.

    Invisible are the soft hyphen and the variation selectors. Lower case leaves no mark behind:
    that of the Turkish İ is i, where Python's is an i with a mark, the dot above.
    """
    if text.isascii():
        return text.lower() if lowercase else text
    text = unicodedata.normalize("NFC", _invisible.sub("", text))
    return text.lower().replace("i\u0307", "i") if lowercase else text


def words_of(text: str) -> list[str]:
    """The words of a normalised text: runs of letters with their marks.

    A word has at least three letters or marks, or two signs of a script that writes syllables
    (Han, kana, Hangul, Ethiopic, …). A run with a digit or an underscore in it, such as x1 or
    names_like_this, is no word.
    """
    if text.isascii():
        return _LETTERS_ALONE.findall(text)
    special, find = _expressions()
    if not special.search(text):  # most European texts: quicker
        return _LETTERS_ALONE.findall(text)
    return list(filter(None, find(text)))


def letters_without_blanks(text: str) -> tuple[int, int]:
    """(letters, those of scripts that set no blanks between words) of a text."""
    found = [] if text.isascii() else _without_blanks.findall(text)  # marks and digits too
    return sum(map(str.isalpha, text)), sum(map(str.isalpha, found))


@lru_cache(maxsize=1)
def _expressions() -> tuple[re.Pattern[str], Callable[[str], list[str]]]:
    """What needs more than letters; and findall of an expression with one group.

    The group holds a word, or nothing for a run of signs that is none.
    """
    letter = r"[^\W\d_]"
    basic, beyond = _marks(range(0x10000)), _marks(range(0x10000, 0x110000))
    # With signs beyond the basic plane in a class, Python's `re` looks at range after range, five
    # times slower. So they are looked for behind one range that ordinary text never enters.
    mark = rf"[{basic}]|[\U00010000-\U0010ffff](?<=[{beyond}])"
    inside = rf"(?:{letter}|{mark}|[{_JOINERS}](?={letter}))"
    syllable = rf"(?={letter})(?:[{_SYLLABLES}]|[\U00020000-\U0003ffff])"
    word = rf"{letter}{inside}{{2,}}|{syllable}{inside}+"
    find = re.compile(rf"\b({word})(?!\w|{mark})|\w(?:\w|{mark}|[{_JOINERS}])*").findall
    special = re.compile(f"[{basic}{_JOINERS}{_SYLLABLES}]|[\U00010000-\U0010ffff]")
    return special, find


def _marks(codes: Iterable[int]) -> str:
    """The combining marks among these signs, but the invisible ones, as a class's ranges."""
    ranges: list[list[int]] = []
    for code in codes:
        if not unicodedata.category(chr(code)).startswith("M") or code in _INVISIBLE:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
