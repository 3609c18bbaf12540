"""AMX on machines without it: amx_emulator.c, compiled when a test needs it."""

import os
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp


@cache
def amx_emulator() -> Path:
    """The emulator as a library to load before code that uses tile instructions."""
    library = Path(mkdtemp()) / "amx_emulator.so"
    source = Path(__file__).with_name("amx_emulator.c")
    flags = ["-O3", "-mavx2", "-mfma", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, source, "-lm", "-o", library], check=True)
    return library
