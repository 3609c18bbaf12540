"""Folders and files that are written whole or not at all, and the JSON that says what they hold."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

_MARK = ".ntm_fast-"  # in the names of hidden folders in which things are written
_RANDOM = re.compile(r"[a-z0-9_]{8}")  # what mkdtemp puts behind it
_OURS = ".made-by-ntm_fast"  # a file in them, without which such a folder is a user's


def path_of(path: str | os.PathLike[str]) -> Path:
    """`path` as a Path; a `~` at its beginning is the home folder, as in a shell.

    Every path that a user gives goes through here, so that one rule holds for all of them.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is {path!r:.80}; expected a path")
    return Path(os.path.expanduser(path))


def full_path_of(path: str | os.PathLike[str]) -> Path:
    """`path_of`, from the root; symbolic links stay as they are."""
    return Path(os.path.abspath(path_of(path)))


def ordinary_file(path: Path) -> Path:
    """`path`, or an error unless it is a file: a pipe would be waited for, for ever."""
    if path.is_file():
        return path
    if os.path.lexists(path):
        raise ValueError(f"{path} is no file; expected an ordinary file")
    raise FileNotFoundError(f"{path} does not exist")


@contextmanager
def replacing_folder(target: Path, ours: Collection[str] = ()) -> Iterator[Path]:
    """A new folder that takes the place of `target`, whatever is there, at the end of the block.

    What else than files named in `ours` and those of the new folder lies in `target` is a user's,
    and goes along: the new folder has it too, as links to the same files, before the old one is
    touched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(target) as scratch:
        written, old = scratch / "new", scratch / "old"
        written.mkdir()  # by mkdir, so that it gets ordinary permissions
        yield written
        if target.is_dir():
            _carry_over(target, written, ours)
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(written, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise
        if old.is_dir():
            _carry_over(old, target, ours)  # what came while the first was going on


def _carry_over(source: Path, target: Path, ours: Collection[str] = ()) -> None:
    """Link what lies in one folder, and is not in the other or `ours`, into that one too."""
    with os.scandir(source) as entries:
        for entry in entries:
            place, folder = target / entry.name, entry.is_dir(follow_symlinks=False)
            if entry.name in ours and folder:
                raise FileExistsError(f"{entry.path} is a folder; expected a file of ours or none")
            if entry.name in ours or (os.path.lexists(place) and not folder):
                continue
            if folder:
                place.mkdir(exist_ok=True)
                _carry_over(Path(entry.path), place)
                shutil.copystat(entry.path, place)
                continue
            try:
                os.link(entry.path, place, follow_symlinks=False)
            except OSError:  # a file system without hard links
                shutil.copy2(entry.path, place, follow_symlinks=False)


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """The path of a file that takes the place of `target` at the end of the block, if written."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{target.parent} is no folder: {target.name} cannot be written there"
        )
    clear_leftovers(target.parent)
    with _scratch(target) as scratch:
        written = scratch / target.name  # it keeps the ending, which some writers go by
        yield written
        ordinary = scratch / "ordinary"
        ordinary.touch()
        written.chmod(ordinary.stat().st_mode)  # some writers' files are their owner's alone
        os.replace(written, target)


def clear_leftovers(folder: Path) -> None:
    """Remove what runs that were killed left half-written in `folder`; call it before writing.

    A target that such a run had moved out of the way, and not replaced yet, is put back. Folders
    in which a living process writes are left alone: it holds a lock on them. So are folders that
    are only named like ours.
    """
    if not folder.is_dir():
        return
    for entry in list(os.scandir(folder)):
        name, between, ending = entry.name.rpartition(_MARK)
        if not between or not name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            with _locked(Path(entry.path), fcntl.LOCK_EX | fcntl.LOCK_NB):
                if not os.listdir(entry.path) and _RANDOM.fullmatch(ending):
                    os.rmdir(entry.path)  # ours before it was marked, and nothing lost if not
                    continue
                mark = Path(entry.path, _OURS)
                if not mark.is_file() or mark.is_symlink():
                    continue
                old, target = Path(entry.path, "old"), folder / name[1:]
                if old.is_dir() and not target.exists():  # a file of this name is half-written
                    os.rename(old, target)
                _remove(Path(entry.path))
        except OSError:  # in use, another user's, or on a file system without locks
            continue


def _remove(scratch: Path) -> None:
    """Remove a folder of ours, its mark last: what is left of it, if we are killed, is ours yet."""
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(scratch)):
            path = scratch / name
            if name == _OURS:
                continue
            if path.is_dir() and not path.is_symlink():
                for folder, _, _ in os.walk(path):  # a user's may be read-only
                    with suppress(OSError):
                        os.chmod(folder, 0o700)
                shutil.rmtree(path)
            else:
                path.unlink()
        (scratch / _OURS).unlink(missing_ok=True)
        scratch.rmdir()


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target`, locked and removed at the end of the block.

    An OSError that is of no file but those in it names the target instead.
    """
    try:
        with _locked_folder(target) as scratch:
            yield scratch
    except OSError as error:
        inside = error.filename is None or _MARK in str(error.filename)
        if error.errno is None or str(target) in str(error.strerror) or not inside:
            raise  # it is of another file, or names the target already
        raise OSError(error.errno, error.strerror, str(target)) from error


@contextmanager
def _locked_folder(target: Path) -> Iterator[Path]:
    while True:
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}{_MARK}"))
        try:
            with ExitStack() as stack:
                with suppress(OSError):  # without locks on this file system, leftovers stay
                    stack.enter_context(_locked(scratch, fcntl.LOCK_EX))
                    (scratch / _OURS).touch()
                if scratch.is_dir():  # else taken for a leftover before it was locked
                    yield scratch
                    return
        finally:
            _remove(scratch)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Holds a lock on a folder, which ends with the process at the latest."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, how)
        yield
    finally:
        os.close(opened)


def read_metadata(path: Path, what: str, version: int) -> dict[str, Any]:
    """The JSON object in `path`, whose format is "ntm_fast <what>", of this version or older.

    Raises FileNotFoundError, or ValueError where it is damaged, foreign or of a newer release.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} is not a saved {what}: {path} does not exist")
    try:
        metadata = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(metadata, dict) or metadata.get("format") != f"ntm_fast {what}":
        raise ValueError(f'{path} does not describe a {what}: expected "format": "ntm_fast {what}"')
    check_version(path, metadata.get("version"), version)
    return metadata


def parse_json(text: str | bytes) -> Any:
    """What the JSON in `text` holds; any fault of it is a ValueError, too deep nesting included."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


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
