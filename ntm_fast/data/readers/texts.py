"""Plain text: one document a line, or one document a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ntm_fast.data.corpus import Corpus
from ntm_fast.data.origin import Origin
from ntm_fast.data.text.tokens import Document
from ntm_fast.data.text.vectorise import TextOptions, documents_of, vectorise_documents
from ntm_fast.data.text_files import existing, lines, named, whole_text

if TYPE_CHECKING:
    from typing_extensions import Unpack


def read_text(
    path: str | os.PathLike[str],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    labels: Iterable[str] | None = None,
    **options: Unpack[TextOptions],
) -> Corpus:
    """A corpus of a text file (or .gz) with one document a line; blank lines are empty documents.

    `options` are those of `vectorise`: vocabulary, min_df, max_df, stop_words, … Raises
    FileNotFoundError or ValueError naming the file, and the place of bytes it cannot decode.
    """
    file = existing(path)
    with named(file):
        texts = (line.rstrip("\r\n") for _, line in lines(file, encoding, errors))
        origin = Origin("lines of text", {"encoding": encoding})
        return vectorise_documents(documents_of(texts, labels), origin, **options)


def read_folder(
    path: str | os.PathLike[str],
    pattern: str = "**/*.txt",
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    **options: Unpack[TextOptions],
) -> Corpus:
    """A corpus of the files in a folder that match `pattern`, one document a file, sorted.

    Document ids are the files' paths within the folder; where all files lie in subfolders, the
    first subfolder is the label. `options` are those of `vectorise`. Raises FileNotFoundError
    for a folder that does not exist or has no such file, and as `read_text` does.
    """
    root = existing(path, folder=True)
    files = sorted(file for file in root.glob(pattern) if file.is_file())
    if not files:
        raise FileNotFoundError(f"{root} has no file that matches pattern={pattern!r}")
    inside = [file.relative_to(root) for file in files]
    labelled = all(len(place.parts) > 1 for place in inside)
    with named(root):
        return vectorise_documents(
            (
                Document(
                    whole_text(root / place, encoding, errors),
                    place.parts[0] if labelled else None,
                    place.as_posix(),
                )
                for place in inside
            ),
            Origin("a folder of texts", {"pattern": pattern, "encoding": encoding}),
            **options,
        )
