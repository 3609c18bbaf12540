"""Files for measurement that are not part of the project: exact tables and corpora."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("NTM_FAST_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def shared(name: str) -> Path:
    """Path of a shared file; skips the test where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is absent (set NTM_FAST_SHARED to the folder that holds {name})")
    return path
