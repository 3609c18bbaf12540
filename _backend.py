"""PEP 517 build backend: setuptools, plus finding the torch that the package will run with.

The extension is compiled against torch's headers. Under build isolation pip would fetch the newest
torch for that (gigabytes, and not the one in use), so the torch of the environment that is being
installed into is used where there is one, and asked for only where there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from setuptools import build_meta as _setuptools
from setuptools.build_meta import *  # noqa: F403  (the hooks of PEP 517)

_FIND_TORCH = (
    "import importlib.util as u; s = u.find_spec('torch');"
    " print(s.submodule_search_locations[0] if s else '')"
)


def find_torch() -> str | None:
    """Folder of the torch package: NTM_FAST_TORCH, this environment's, or the outer one's."""
    if chosen := os.environ.get("NTM_FAST_TORCH"):
        return chosen
    # -I drops the PYTHONPATH with which pip overlays the isolated build environment.
    for flags in ([], ["-I"]):
        command = [sys.executable, *flags, "-c", _FIND_TORCH]
        found = subprocess.run(command, capture_output=True, text=True, cwd=os.sep)
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
    return None


def _with_torch(requirements: list[str]) -> list[str]:
    return requirements if find_torch() else [*requirements, "torch>=2.10"]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return _with_torch(_setuptools.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return _with_torch(_setuptools.get_requires_for_build_editable(config_settings))
