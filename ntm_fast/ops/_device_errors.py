"""Errors in values that only a CUDA kernel has read."""

from __future__ import annotations

from ntm_fast import _C


def raise_device_errors() -> None:
    """Raise ValueError if a CUDA kernel has found a bad value since the last call, and forget it.

    On CUDA an op does not wait to check that indices lie in [0, V), that counts are finite and
    >= 0, and that indptr does not decrease. Its kernels skip bad values and note them in host
    memory, for all devices together. This function reads the note, as the next op that takes a
    batch does. It does not wait either: errors of kernels that are still running are seen after
    the next synchronisation. Without CUDA it does nothing.

    Raises
    ------
    ValueError
        Naming the op, the argument, its place and value, and what was expected.
    """
    _C.raise_device_errors()
