"""Where corpora that were built or fetched are kept."""

from __future__ import annotations

import os
from pathlib import Path

from ntm_fast.files import path_of


def cache_folder() -> Path:
    """$NTM_FAST_CACHE, else $XDG_CACHE_HOME/ntm_fast, else ~/.cache/ntm_fast."""
    own = os.environ.get("NTM_FAST_CACHE")
    if own:
        return path_of(own)
    return path_of(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "ntm_fast"
