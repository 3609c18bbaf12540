"""Folders and files that are written whole or not at all, and the JSON that says what they hold."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of `target`, whatever is there, at the end of the block."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        written, old = Path(scratch, "new"), Path(scratch, "old")
        written.mkdir()  # by mkdir, so that it gets ordinary permissions
        yield written
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(written, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """The path of a file that takes the place of `target` at the end of the block, if written."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{target.parent} is no folder: {target.name} cannot be written there"
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        written = Path(scratch, target.name)  # it keeps the ending, which some writers go by
        yield written
        ordinary = Path(scratch, "ordinary")
        ordinary.touch()
        written.chmod(ordinary.stat().st_mode)  # some writers' files are their owner's alone
        os.replace(written, target)


def read_metadata(path: Path, what: str, version: int) -> dict[str, Any]:
    """The JSON object in `path`, whose format is "ntm_fast <what>", of this version or older.

    Raises FileNotFoundError, or ValueError where it is damaged, foreign or of a newer release.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} is not a saved {what}: {path} does not exist")
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(metadata, dict) or metadata.get("format") != f"ntm_fast {what}":
        raise ValueError(f'{path} does not describe a {what}: expected "format": "ntm_fast {what}"')
    check_version(path, metadata.get("version"), version)
    return metadata


def check_version(path: Path, found: Any, version: int) -> None:
    """Raise ValueError unless `found` is a version from 1 to this release's."""
    if type(found) is not int or found < 1:
        raise ValueError(f"{path} is damaged: version is {found!r}")
    if found > version:
        raise ValueError(
            f"{path} has version {found}, this release reads {version}: a newer one wrote it"
        )


def known_fields(path: Path, values: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """values, or a ValueError if some are of fields that this release does not know.

    Fields that `values` lacks came later: they have their defaults.
    """
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(
            f"{path} has {unknown[0]!r}, which this release does not know: a newer one wrote it"
        )
    return values
