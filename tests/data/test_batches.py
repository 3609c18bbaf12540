from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus, CorpusTensors
from tests.data.strategies import csr_matrices


@given(csr_matrices(), st.data())
def test_a_batch_equals_scipy_rows(matrix: Any, data: st.DataObject) -> None:
    corpus = Corpus.from_scipy(matrix)
    tensors = CorpusTensors(corpus)
    rows = data.draw(st.lists(st.integers(0, len(corpus) - 1)))
    batch = tensors.batch(torch.tensor(rows, dtype=torch.int64))
    expected = corpus.to_scipy()[rows]

    assert batch.n_documents == len(rows)
    assert [part.dtype for part in batch[:3]] == [torch.int64, torch.int32, torch.float32]
    np.testing.assert_array_equal(batch.indptr, expected.indptr)
    np.testing.assert_array_equal(batch.indices, expected.indices)
    np.testing.assert_array_equal(batch.counts, expected.data)


def test_the_tensors_share_the_memory_of_the_corpus(recwarn: pytest.WarningsRecorder) -> None:
    corpus = Corpus.from_scipy(np.eye(4))
    tensors = CorpusTensors(corpus)
    assert tensors.counts.data_ptr() == corpus.counts.ctypes.data
    assert tensors.indices.data_ptr() == corpus.indices.ctypes.data
    assert len(tensors) == 4
    assert not recwarn.list


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (torch.tensor([0, 4]), ValueError, r"rows.* \[?0?,? ?4\]?, expected 0 <= row < 4"),
        (torch.tensor([-1]), ValueError, r"rows.* \[?-1\]?, expected 0 <= row < 4"),
        (torch.tensor([[0]]), ValueError, r"rows has shape \[1, 1\], expected \[B\]"),
        (torch.tensor([0.0]), TypeError, "rows must be an int64 tensor, got torch.float32"),
    ],
)
def test_bad_rows_are_named(rows: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CorpusTensors(Corpus.from_scipy(np.eye(4))).batch(rows)
