"""Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While open, the first SIGINT sets `requested`; a second one raises KeyboardInterrupt.

    Outside the main thread, where Python delivers no signals, it does nothing; nor where a
    program that Python is a part of handles SIGINT, whose handler could not be put back.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None
        self._active = False

    def __enter__(self) -> Interrupt:
        ours = signal.getsignal(signal.SIGINT) is not None
        if ours and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
