"""What CUDA kernels found wrong in values that nobody had read on the host."""

from __future__ import annotations

from ntm_fast import _C


def raise_device_errors() -> None:
    """Raise ValueError if a CUDA kernel has found a bad value since the last call, and forget it.

    On CUDA an op does not wait to see whether indices lie in [0, V), counts are finite and >= 0,
    or indptr does not decrease: its kernels leave out what is bad and note it in memory of the
    host, for all devices together. This looks there, as does the next op that takes a batch. It
    does not wait either: what kernels still under way will find is seen after the next
    synchronisation. Without CUDA it does nothing.

    Raises
    ------
    ValueError
        Naming the op, the argument, its place and value, and what was expected.
    """
    _C.raise_device_errors()
