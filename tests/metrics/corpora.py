"""Small corpora, texts and topics drawn by Hypothesis."""

from itertools import combinations
from math import log
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ntm_fast.data import Corpus


def corpus_of(rows: list[list[int]]) -> Corpus:
    """A corpus of dense rows of counts."""
    return Corpus.from_scipy(np.array(rows, dtype=np.float32))


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """At most 8 documents over at most 7 words, some words and documents empty."""
    n_words = draw(st.integers(2, 7))
    row = st.lists(st.sampled_from([0, 0, 1, 2]), min_size=n_words, max_size=n_words)
    rows = draw(st.lists(row, min_size=1, max_size=8).filter(lambda rows: any(map(any, rows))))
    return corpus_of(rows)


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[list[int]], int]:
    """(at most 5 texts of word ids, the number of words)."""
    n_words = draw(st.integers(2, 6))
    text = st.lists(st.integers(0, n_words - 1), max_size=12)
    return draw(st.lists(text, min_size=1, max_size=5)), n_words


@st.composite
def topics(draw: st.DrawFn, n_words: int) -> Any:
    """Top words [K, n] of at most 3 topics, n >= 2."""
    n = draw(st.integers(2, n_words))
    topic = st.permutations(range(n_words)).map(lambda words: words[:n])
    return np.array(draw(st.lists(topic, min_size=1, max_size=3)))


def npmi_of_sets(topic: Any, units: list[set[int]], missing: float | None = None) -> float:
    """NPMI by its definition: pairs x units."""
    values = []
    for a, b in combinations(topic, 2):
        p_a, p_b, p_ab = (
            sum(words <= unit for unit in units) / len(units) for words in ({a}, {b}, {a, b})
        )
        if p_a * p_b == 0:
            values.append(-1.0)
        elif p_ab == 1:
            values.append(1.0)
        elif p_ab == 0 and missing is not None:
            values.append(missing)
        else:
            values.append(log((p_ab + 1e-12) / (p_a * p_b)) / -log(p_ab + 1e-12))
    return sum(values) / len(values)
