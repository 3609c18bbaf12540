"""Docstrings of thousands of files, read by several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ntm_fast.data.datasets import extract
from ntm_fast.data.datasets.prose import prose


def extract_all(files: list[Path], n_jobs: int, progress: bool) -> list[list[extract.Docstring]]:
    """(qualified name, prose) of the docstrings of each file, in the order of the files.

    Workers are plain scripts on one chunk of files each: nothing is forked from a process that
    may hold threads, and none of them loads torch.
    """
    chunks = _chunks(files)
    found: dict[int, list[list[extract.Docstring]]] = {}
    console = Console(stderr=True)
    shown = progress and console.is_terminal
    bar = Progress(*Progress.get_default_columns(), console=console, disable=not shown)
    with bar, ThreadPoolExecutor(max(1, n_jobs)) as pool:
        task = bar.add_task("Reading docstrings", total=len(files))
        work = _here if n_jobs == 1 or not sys.executable else _elsewhere
        futures = {pool.submit(work, chunk): at for at, chunk in enumerate(chunks)}
        try:
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                bar.advance(task, len(chunks[futures[future]]))
        except BaseException:  # Ctrl-C does not wait for the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [pairs for at in range(len(chunks)) for pairs in found[at]]


def _chunks(files: list[Path], size: int = 3_000_000) -> list[list[str]]:
    """Runs of files of about `size` bytes together."""
    chunks: list[list[str]] = [[]]
    held = 0
    for file in files:
        held += file.stat().st_size
        chunks[-1].append(str(file))
        if held >= size:
            chunks.append([])
            held = 0
    return [chunk for chunk in chunks if chunk]


def _here(files: list[str]) -> list[list[extract.Docstring]]:
    return [[(name, prose(text)) for name, text in extract.docstrings_of(file)] for file in files]


def _elsewhere(files: list[str]) -> list[list[extract.Docstring]]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", extract.__file__],
            input=json.dumps(files).encode(),
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # an interpreter embedded elsewhere
        return _here(files)
    return [[(name, text) for name, text in pairs] for pairs in json.loads(done.stdout)]
