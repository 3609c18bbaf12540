"""Standard output and standard error whose failure does not end a command."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Survivor(io.RawIOBase):
    """A stream to a file descriptor that discards its output once writing fails.

    `error` is the failure: EPIPE where the reader has gone (`ntm-fast … | head -1`), EBADF where
    the stream was closed from the start (`>&-`), ENOSPC for a full disk.
    """

    def __init__(self, descriptor: int) -> None:
        self.error: OSError | None = None
        self._closed_before = False
        self._descriptor = descriptor

    def begin_closed(self) -> None:
        """There is nothing to write to: the first write is the failure."""
        self._closed_before = True

    def write(self, data: Any) -> int | None:
        """Write some of the data; all of it counts as written once the stream is lost.

        None where a stream that does not block has no room, as `io.RawIOBase` has it.
        """
        size = len(memoryview(data).cast("B"))
        if self.error is not None:
            return size
        try:
            if self._closed_before:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return None
        except OSError as error:
            self.error = error
            return size

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return not self._closed_before and os.isatty(self._descriptor)


@contextmanager
def surviving() -> Iterator[Survivor | None]:
    """Within the block a command survives the loss of sys.stdout or sys.stderr.

    Streams that are no files, such as those of tests, are left alone. Yields the stream below
    standard output, or None if that was left alone.
    """
    before = sys.stdout, sys.stderr
    _occupy()
    output = _survive("stdout", 1)
    _survive("stderr", 2)
    try:
        yield output
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream not in before and stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def _occupy() -> None:
    """Open the standard descriptors that are closed, so that no file of ours becomes one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)


def _survive(name: str, descriptor: int) -> Survivor | None:
    stream = getattr(sys, name)
    closed = stream is None
    if not closed:
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):  # in memory
            return None
        stream.flush()
    below = Survivor(descriptor)
    if closed:
        below.begin_closed()
    text = io.TextIOWrapper(
        io.BufferedWriter(below),
        encoding="utf-8" if closed else stream.encoding,
        errors="backslashreplace" if name == "stderr" else "replace",
        line_buffering=name == "stderr" or (not closed and stream.line_buffering),
        write_through=not closed and getattr(stream, "write_through", False),
    )
    setattr(sys, name, text)
    return below
