"""Ragged matrices of counts drawn by Hypothesis: as scipy may hold them, not yet a corpus."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st


@st.composite
def csr_matrices(draw: st.DrawFn, *, fractional: bool = True) -> Any:
    """CSR [D, V] with unsorted and repeated columns, stored zeros and empty rows."""
    n_documents, n_words = draw(st.integers(1, 8)), draw(st.integers(1, 9))
    lengths = draw(st.lists(st.integers(0, 12), min_size=n_documents, max_size=n_documents))
    lengths[draw(st.integers(0, n_documents - 1))] += 1  # at least one word
    size = sum(lengths)
    indices = draw(st.lists(st.integers(0, n_words - 1), min_size=size, max_size=size))
    count = st.sampled_from([0, 1, 1, 2, 7, 0.25, 1.5] if fractional else [0, 1, 1, 2, 30])
    counts = np.array(draw(st.lists(count, min_size=size, max_size=size)))
    counts[draw(st.integers(0, size - 1))] = 1
    dtype = draw(st.sampled_from([np.float32, np.float64, *([] if fractional else [np.int64])]))
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return sp.csr_matrix((counts.astype(dtype), indices, indptr), shape=(n_documents, n_words))
