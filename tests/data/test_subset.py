"""A subset of a corpus behaves like a copy of its documents, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ntm_fast.data import Corpus, CorpusTensors, Subset
from ntm_fast.data import corpus as corpus_module
from ntm_fast.training.state import hash_documents
from tests.data.strategies import csr_matrices
from tests.training.runs import CORPUS, assert_equal, trainer, weights


@given(csr_matrices(), st.data())
def test_a_part_is_as_its_copy(matrix: Any, data: st.DataObject) -> None:
    corpus = Corpus.from_scipy(matrix)
    chosen = data.draw(st.lists(st.integers(0, len(corpus) - 1), min_size=1))
    rows = np.array(chosen, np.int64)
    there, copy = Subset(corpus, rows), corpus[rows]
    assert (len(there), there.n_words) == (len(copy), copy.n_words)
    assert there.vocabulary == copy.vocabulary
    np.testing.assert_array_equal(there.document_nonzeros, copy.document_nonzeros)
    assert there[: len(chosen) // 2] == copy[: len(chosen) // 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "_BLOCK", 2)
        assert sum(map(len, there.blocks())) == len(copy)
        assert hash_documents(there) == hash_documents(copy)
    order = torch.randperm(len(copy))
    batches = [CorpusTensors(documents).batch(order) for documents in (there, copy)]
    for one, other in zip(batches[0][:3], batches[1][:3], strict=True):
        assert torch.equal(one, other)
    assert len(CorpusTensors(there)) == len(copy)


def test_a_part_is_saved_as_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_module, "_BLOCK", 3)
    labels = [f"l{d % 4}" for d in range(len(CORPUS))]
    corpus = Corpus.from_scipy(CORPUS.to_scipy(), CORPUS.vocabulary, labels)
    rows = np.arange(0, len(corpus), 3)
    Subset(corpus, rows).save(tmp_path / "part")
    corpus[rows].save(tmp_path / "copy")
    for file in (tmp_path / "copy").iterdir():
        assert (tmp_path / "part" / file.name).read_bytes() == file.read_bytes()
    assert Corpus.load(tmp_path / "part") == corpus[rows]
    with pytest.raises(FileExistsError):
        Subset(corpus, rows).save(tmp_path / "part")
    with pytest.raises(ValueError, match=r"Subset\(0 documents .* has no words to save"):
        Subset(corpus, rows[:0]).save(tmp_path / "none")


def test_training_on_a_part_of_a_corpus_on_disk(tmp_path: Path) -> None:
    CORPUS.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    rows, held_out = np.arange(0, len(CORPUS), 2), np.arange(1, len(CORPUS), 4)
    there, copied = trainer(checkpoint=tmp_path / "state"), trainer()
    there.fit(Subset(loaded, rows), Subset(loaded, held_out))
    history = copied.fit(CORPUS[rows], CORPUS[held_out])
    assert_equal(weights(there), weights(copied))
    assert [e.validation_elbo for e in there.history] == [e.validation_elbo for e in history]
    resumed = trainer()
    resumed.resume(tmp_path / "state")
    resumed.fit(CORPUS[rows], CORPUS[held_out])
    resumed.resume(tmp_path / "state")
    with pytest.raises(ValueError, match=r"others than those .*state was made with: 60 doc"):
        resumed.fit(Subset(loaded, held_out))
