"""Runs the command line: `python -m ntm_fast`, or `ntm-fast` where the package is installed."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ntm_fast.cli import app
from ntm_fast.cli.app import PRINTED, WRITTEN
from ntm_fast.cli.streams import surviving

BAD_INPUT = (
    ValueError,
    TypeError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ImportError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 on success; 2 for bad usage or bad input, with one line on standard error that gives the
    reason; 1 for any other failure; 130 after Ctrl-C. ``--debug`` shows the traceback.

    When the reader of standard output goes away (``ntm-fast train … | head -1``), the command
    continues without printing, and 0 means that its files are written. If standard output cannot
    be written for another reason, such as a full disk, the command continues too, but ends with 1;
    so does a command that only prints if standard output is closed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    with surviving() as output:
        warnings.showwarning = _shower_of_warnings()
        if isinstance(sys.stdout, io.TextIOWrapper):  # which may be in ASCII
            sys.stdout.reconfigure(errors="replace")
        # Threads that wait for each other would spin, and slow down all else on the machine.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded
        code = _run(given, debug)
        sys.stdout.flush()
        lost = None if output is None else output.error
        harmless = {errno.EPIPE} | ({errno.EBADF} if code == WRITTEN else set())
        if code in (PRINTED, WRITTEN, 0) and lost is not None and lost.errno not in harmless:
            done = ", all else is done" if code == WRITTEN else ""
            _say(f"ntm-fast: standard output: {lost.strerror}{done}")
            return 1
        return max(code, 0)


def _run(given: list[str], debug: bool) -> int:
    """The exit code, or what the command made."""
    try:
        code = app(given, prog_name="ntm-fast", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Exception as error:
        if debug:
            raise
        context = getattr(error, "ctx", None)
        if hasattr(error, "format_message"):  # typer's own: bad usage
            where = context.command_path if context else "ntm-fast"
            message = error.format_message().replace("Value error, ", "")
            _say(f"{where}: {message} (see {where} --help)")
            return int(getattr(error, "exit_code", 2))
        if isinstance(error, BAD_INPUT):
            _say(f"ntm-fast: {_reason(error)}")
            return 2
        kind = "" if isinstance(error, (OSError, ArithmeticError)) else f"{type(error).__name__}: "
        _say(f"ntm-fast: {kind}{_reason(error)} (--debug shows where)")
        return 1


def _reason(error: Exception) -> str:
    """The message of an error, without the system's error number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _say(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr)


def _shower_of_warnings() -> Callable[..., None]:
    """Prints each warning once, wherever it comes from."""
    said: set[str] = set()

    def show(message: Warning | str, *details: Any, **more: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            _say(f"ntm-fast: warning: {message}")

    return show


if __name__ == "__main__":
    sys.exit(main())
