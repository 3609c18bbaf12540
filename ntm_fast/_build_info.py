"""How the package was built and what it uses; works without the extension too."""

from __future__ import annotations

import functools
import platform
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class BuildInfo:
    """Result of :func:`build_info`; ``extension_error`` says why kernels are missing, if so.

    ``cpu_matmul_…`` say how the CPU kernels multiply float32 matrices at each precision of
    ``torch.set_float32_matmul_precision``.
    """

    version: str
    python: str
    torch: str
    platform: str
    cpu: str
    extension: bool
    extension_error: str | None
    cpu_level: str | None
    widest_cpu_level: str | None
    compiled_cpu_levels: tuple[str, ...]
    cpu_matmul_highest: str | None
    cpu_matmul_high: str | None
    cpu_matmul_medium: str | None
    cuda_architectures: tuple[str, ...]
    cuda_runtime: str | None
    cuda_driver: str | None
    cuda_devices: int
    threads: int

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def _cuda_version(number: int) -> str | None:
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


@functools.cache
def cpu_name() -> str:
    """The processor's name, as far as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def build_info() -> BuildInfo:
    """How the package was built and what it uses on this machine.

    Never raises: where the compiled extension cannot be loaded, ``extension`` is False and
    ``extension_error`` says why.
    """
    import torch  # slow to import: not needed for `import ntm_fast`

    from ntm_fast._version import __version__

    levels: dict[str, Any] = {}
    error: str | None = None
    try:
        from ntm_fast import _C
    except (ImportError, ValueError) as problem:
        error = str(problem)
    else:
        cuda = _C.cuda_info()
        levels = {
            "cpu_level": _C.cpu_level(),
            "widest_cpu_level": _C.widest_cpu_level(),
            "compiled_cpu_levels": tuple(_C.compiled_cpu_levels()),
            "cpu_matmul_highest": _C.matmul_path(0),
            "cpu_matmul_high": _C.matmul_path(1),
            "cpu_matmul_medium": _C.matmul_path(2),
            "cuda_architectures": tuple(_C.cuda_architectures()),
            "cuda_runtime": _cuda_version(cuda.get("runtime_version", 0)),
            "cuda_driver": _cuda_version(cuda.get("driver_version", 0)),
            "cuda_devices": cuda.get("devices", 0),
        }
    missing = {
        "cpu_level": None,
        "widest_cpu_level": None,
        "compiled_cpu_levels": (),
        "cpu_matmul_highest": None,
        "cpu_matmul_high": None,
        "cpu_matmul_medium": None,
        "cuda_architectures": (),
        "cuda_runtime": None,
        "cuda_driver": None,
        "cuda_devices": 0,
    }
    return BuildInfo(
        version=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        platform=platform.platform(),
        cpu=cpu_name(),
        extension=error is None,
        extension_error=error,
        threads=torch.get_num_threads(),
        **{**missing, **levels},
    )
