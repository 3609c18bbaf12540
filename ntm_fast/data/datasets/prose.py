"""The prose of a docstring: what is left without code, mathematics, names and boilerplate."""

from __future__ import annotations

import re

# Directives whose indented block is not prose.
_CODE_DIRECTIVE = re.compile(
    r"\s*\.\. *(math|code|code-block|sourcecode|plot|doctest|testcode|testoutput|testsetup|figure"
    r"|image|autosummary|autofunction|automodule|autoclass|toctree|highlight|table|list-table"
    r"|csv-table|versionadded|versionchanged|deprecated|\[\w+\]|_[\w -]+:)"
)
_DIRECTIVE = re.compile(r"\s*\.\. *[\w-]+::")
_DOCTEST = re.compile(r"\s*(>>>|In \[\d+\]:)")
_UNDERLINE = re.compile(r"\s*([-=~^*#_+.])\1{2,}[\s\-=~^*#_+]*$")
_HEADER = re.compile(
    r"\s*(args|arguments|parameters|other parameters|params|keyword args|keyword arguments|kwargs"
    r"|returns?|yields?|raises|warns|receives|examples?|notes?|warnings?|attributes|methods|shape"
    r"|inputs?|outputs?|usage|see also|references)( *\w*)?\s*:{0,2}\s*$",
    re.IGNORECASE,
)
_SKIPPED_SECTION = re.compile(r"\s*(see also|references)\s*:?\s*$", re.IGNORECASE)
_TYPE_LINE = re.compile(
    r"\s*[\w*`'\"{][\w*, .`'\"{}\[\]|=-]* : \S.*$|\s*:(type|rtype|vartype)\b.*$"
)
_FIELD = re.compile(
    r"^\s*(:[a-z]+[^:\n]*:|[-*]?\s*`{0,2}\*{0,2}[\w.]+`{0,2}( *\([^)\n]*\))?\s*:(?=\s))"
)

_INLINE = (
    (re.compile(r"\b(?:https?|ftp|file|tcp)://\S+|\bwww\.\S+"), " "),
    (re.compile(r":math:`[^`]*`|\$[^$\n]*\$"), " "),
    (re.compile(r":(?:attr|param|data|envvar|option|ref):`[^`]*`"), " "),
    (re.compile(r":[\w:]+:`~?(?:[^`<]*[.])?([A-Za-z]+)(?:\(\))?`"), r"\1"),
    (re.compile(r"``[^`]*``|`[^`\s]*`"), " "),
    (re.compile(r"<[^>\n]{1,80}>|%\(?\w+\)?s?|\\[a-zA-Z]+|\{[^}\n]*\}|\[[^\]\n]{0,40}\]_?"), " "),
    (re.compile(r"\b\w+\([^()\n]*\)"), " "),
    (re.compile(r"\b\w+(?:[./\\]\w+)+"), " "),
    (re.compile(r"(?:'[^'\s]*'|\"[^\"\s]*\")"), " "),
)


def prose(docstring: str) -> str:
    """The English sentences of a docstring.

    Left out: doctests, literal and code blocks, mathematics, section headers and their
    underlines, names and types of parameters, references, links, dotted names, calls and
    anything in code quotes.
    """
    text = "\n".join(_sentences(docstring.splitlines()))
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text


def _sentences(lines: list[str]) -> list[str]:
    kept: list[str] = []
    block: int | None = None  # lines indented deeper than this are skipped
    in_doctest = in_skipped_section = False
    for number, line in enumerate(lines):
        if not line.strip():
            in_doctest = False
            continue
        indent = len(line) - len(line.lstrip())
        if block is not None and indent > block:
            continue
        block = None
        underlined = number + 1 < len(lines) and _UNDERLINE.match(lines[number + 1])
        if underlined or _HEADER.match(line):
            in_skipped_section = bool(_SKIPPED_SECTION.match(line))
            if line.rstrip().endswith("::"):
                block = indent
            if _HEADER.match(line):
                continue
        if in_skipped_section or _UNDERLINE.match(line):
            continue
        if _DOCTEST.match(line):
            in_doctest = True
        if in_doctest or _TYPE_LINE.match(line):
            continue
        if _CODE_DIRECTIVE.match(line):
            block = indent
            continue
        if line.rstrip().endswith("::"):
            block = indent
        kept.append(_FIELD.sub(" ", _DIRECTIVE.sub(" ", line)))
    return kept
