"""Words of texts, counted chunk by chunk, by this process or by several."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntm_fast.data.text.tokenisation import Text, Tokenisation, text_of

CHUNK = 1 << 21  # characters counted together, and sent to another process together
MOST = 1 << 16  # documents of a chunk, whose texts may be empty
MOST_JOBS = 8  # processes for whose chunks the one that collects them has the time
ALONE = 4  # chunks counted by this process: starting others pays for more only


class Document(NamedTuple):
    """A text, or its words, with its label and id where the corpus has such."""

    text: Text
    label: str | None = None
    document_id: str | None = None


class Counted(NamedTuple):
    """Words of a chunk of documents, in CSR form with words of its own."""

    words: list[str]  # in the order in which they were met
    lengths: NDArray[np.int64]  # [D] distinct words of each document
    ids: NDArray[np.int32]  # [N] places in `words`
    counts: NDArray[np.int32]  # [N]
    stop_words: int = 0  # how many were left out


def count(tokenisation: Tokenisation, texts: Iterable[Text]) -> Counted:
    """Count the words of each text."""
    places: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    lengths, ids, counts = array("q"), array("i"), array("i")
    stop_words = 0
    for text in texts:
        words, left_out = tokenisation.words(text)
        found = Counter(words)
        lengths.append(len(found))
        ids.extend(map(places.__getitem__, found))
        counts.extend(found.values())
        stop_words += left_out
    return Counted(
        list(places), np.array(lengths), np.array(ids), np.array(counts), stop_words=stop_words
    )


def in_chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """The documents in order, in chunks of about `CHUNK` characters."""
    chunk: list[Document] = []
    held = 0
    for at, document in enumerate(documents):
        text = text_of(document.text)
        if text is None:
            kind = type(document.text).__name__
            raise TypeError(
                f"texts[{at}] is {document.text!r}, expected a str or a list of str, got {kind}"
            )
        held += len(text) if isinstance(text, str) else sum(map(len, text))
        chunk.append(document._replace(text=text))
        if held >= CHUNK or len(chunk) >= MOST:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def counted_chunks(
    documents: Iterable[Document], tokenisation: Tokenisation, n_jobs: int
) -> Iterator[tuple[list[Document], Counted]]:
    """Each chunk of documents with its counts, in order, whatever the number of processes.

    At most 2 `n_jobs` chunks are held at a time.
    """
    chunks = in_chunks(documents)
    for chunk in itertools.islice(chunks, None if n_jobs == 1 else ALONE):
        yield chunk, count(tokenisation, [document.text for document in chunk])
    following = next(chunks, None)
    if following is None:
        return
    with ProcessPoolExecutor(n_jobs, get_context("spawn"), _start_worker) as pool:
        waiting: deque[tuple[list[Document], Future[Counted]]] = deque()
        try:
            while waiting or following is not None:
                while following is not None and len(waiting) < 2 * n_jobs:
                    texts = [document.text for document in following]
                    with _no_interrupt():  # a process that starts here leaves Ctrl-C to this one
                        waiting.append((following, pool.submit(count, tokenisation, texts)))
                    following = next(chunks, None)
                chunk, future = waiting.popleft()
                yield chunk, future.result()
        except BaseException:  # Ctrl-C does not wait for the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, and for ever in processes that are started in it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """End with the parent process, however it ends."""
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
