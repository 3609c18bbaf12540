"""Files, plain or gzipped, read so that every error names the file and the place."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ntm_fast.files import path_of


def existing(path: str | os.PathLike[str], *, folder: bool = False) -> Path:
    """`path` as a Path, or FileNotFoundError / ValueError naming it."""
    found = path_of(path)
    if not found.exists():
        raise FileNotFoundError(f"{found} does not exist")
    if found.is_dir() != folder:
        raise ValueError(
            f"{found} is a {'file' if folder else 'folder'}, expected a "
            f"{'folder' if folder else 'file'}"
        )
    return found


def open_bytes(path: Path) -> IO[bytes]:
    """The file opened for reading, decompressed where its name ends in .gz."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def lines(
    path: Path, encoding: str = "utf-8", errors: str = "strict", *, has_options: bool = True
) -> Iterator[tuple[int, str]]:
    """(line number from 1, line with its end) of a file, which is read as it is needed.

    Lines end as Python's `open` and `csv` have it: \\n, \\r\\n, or \\r alone as on old Macs.
    Raises ValueError for an empty file, for bytes that `encoding` cannot decode (naming line
    and byte; `errors="replace"` reads on), for a damaged .gz and for an unknown encoding.
    `has_options` says whether the user can choose `encoding` and `errors`, for the message.
    """
    existing(path)
    try:
        ascii_like = "\n".encode(encoding) == b"\n"
    except LookupError:
        raise ValueError(f"encoding is {encoding!r}, which Python does not know") from None
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    number = 0
    try:
        with open_bytes(path) as file:
            text = io.TextIOWrapper(file, codec, errors, newline="")
            try:
                for number, line in enumerate(text, 1):
                    yield number, line
            except UnicodeDecodeError as error:
                place = _place(file, error, number) if ascii_like else f"what follows line {number}"
                advice = (
                    "say which encoding it has (encoding=, or `--encoding`), or read on with"
                    ' errors="replace"'
                )
                if not has_options:
                    advice = "expected a file in UTF-8"
                raise ValueError(f"{path}: cannot decode {place} as {encoding}: {advice}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged or truncated after line {number}: {error}") from error
    if number == 0:
        raise ValueError(f"{path} is empty")


def _place(file: IO[bytes], error: UnicodeDecodeError, lines_before: int) -> str:
    """Which byte could not be decoded, of a file whose last block `error` is about."""
    before = error.object[: error.start]
    ends = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
    byte = f"byte 0x{error.object[error.start]:02x} on line {lines_before + ends + 1}"
    if not file.seekable():
        return byte
    return f"{byte} (byte {file.tell() - len(error.object) + error.start} of the file)"


def decodes(path: Path, encoding: str = "utf-8") -> bool:
    """Whether the whole file is text in this encoding."""
    try:
        for _ in lines(path, encoding):
            pass
    except ValueError:
        return False
    return True


def whole_text(path: Path, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file; an empty file is an empty text. Raises as `lines` does otherwise."""
    if path.stat().st_size == 0:
        return ""
    return "".join(line for _, line in lines(path, encoding, errors))


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put the path in front of a ValueError that does not name it yet."""
    try:
        yield
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error
