"""log_dirichlet_rao_blackwell against the implicit sampler and torch, forward and backward."""

from __future__ import annotations

from typing import Any

from benchmarks.draws import scheme_rows


def run(threads: int) -> list[dict[str, Any]]:
    return scheme_rows("log_dirichlet_rao_blackwell", threads)
