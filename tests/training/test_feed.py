"""Where batches come from: beside the model, or sent to it one ahead of the other."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from ntm_fast import ops
from ntm_fast.data import Batch, Corpus, CorpusTensors
from ntm_fast.training import feed
from tests.blocks import block_corpus
from tests.training.runs import trainer

CORPUS = block_corpus(n_documents=30)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PARTS = torch.randperm(30, generator=torch.Generator().manual_seed(0)).split(8)


def assert_alike(found: list[Batch]) -> None:
    expected = [CorpusTensors(CORPUS).batch(part) for part in PARTS]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert all(map(torch.equal, one[:3], other[:3]))


def test_beside_the_model() -> None:
    resident = feed.Resident(CORPUS, CPU, ops)
    assert_alike(list(resident.batches(PARTS)))
    assert_alike([resident.batch(part) for part in PARTS])
    assert list(resident.batches([])) == []
    lengths = np.diff(CORPUS.indptr)
    assert resident.sizes(PARTS) == [lengths[part.numpy()].sum() for part in PARTS]


class Courier:
    """Takes note of when batches are sent and when they are asked for."""

    def __init__(self) -> None:
        self.diary: list[str] = []

    def __call__(self, batch: Batch) -> feed.Coming:
        number = sum(entry.startswith("sent") for entry in self.diary)
        self.diary.append(f"sent {number}")
        courier = self

        class Sent:
            def arrived(self) -> Batch:
                courier.diary.append(f"asked for {number}")
                return batch

        return Sent()


def test_a_batch_is_sent_before_the_one_ahead_of_it_is_used() -> None:
    courier = Courier()
    streamed = feed.Streamed(CORPUS, CPU, ops, courier)
    found = []
    for batch in streamed.batches(PARTS):
        found.append(batch)
        courier.diary.append(f"used {len(found) - 1}")
    assert_alike(found)
    assert courier.diary[:5] == ["sent 0", "sent 1", "asked for 0", "used 0", "sent 2"]
    assert courier.diary[-2:] == ["asked for 3", "used 3"]
    assert_alike([streamed.batch(part) for part in PARTS])
    assert list(streamed.batches([])) == []


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A GPU in name, with so much free memory; its tensors are the CPU's."""
    memory = {"free": 0}
    monkeypatch.setattr(feed, "free_bytes", lambda device: memory["free"])
    monkeypatch.setattr(feed, "device_name", lambda device: "a GPU")
    monkeypatch.setattr(feed, "Sender", lambda device: Courier())
    tensors = feed.CorpusTensors
    monkeypatch.setattr(feed, "CorpusTensors", lambda corpus, device, ops: tensors(corpus))
    return memory


def test_a_corpus_that_fits_is_resident(gpu: dict[str, int]) -> None:
    size = CORPUS.indptr.nbytes + CORPUS.indices.nbytes + CORPUS.counts.nbytes
    for free, reserved, kind in (
        (2 * size, 0, feed.Resident),
        (2 * size - 1, 0, feed.Streamed),
        (2 * size, 1, feed.Streamed),
        (10, 100, feed.Streamed),
    ):
        gpu["free"] = free
        assert type(feed.feed_for(CORPUS, CUDA, ops, reserved)) is kind
    gpu["free"] = 0
    assert type(feed.feed_for(CORPUS, CPU, ops, 10**15)) is feed.Resident


def test_both_train_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [trainer(epochs=2) for _ in range(2)]
    monkeypatch.setattr(runs[1], "_feed", lambda corpus: feed.Streamed(corpus, CPU, ops, Courier()))
    histories = [run.fit(CORPUS) for run in runs]
    assert [e.elbo for e in histories[0]] == [e.elbo for e in histories[1]]
    for one, other in zip(*(run.model.parameters() for run in runs), strict=True):
        assert torch.equal(one, other)


def test_a_memory_mapped_corpus(tmp_path: object, recwarn: pytest.WarningsRecorder) -> None:
    matrix = sp.csr_array(np.eye(5, dtype=np.float32))
    corpus = Corpus.from_scipy(matrix)
    assert not corpus.indptr.flags.writeable
    feed.Resident(corpus, CPU, ops)
    assert not recwarn.list


def test_the_log_names_the_device(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ntm_fast"):
        trainer(epochs=1).fit(CORPUS)
    assert caplog.messages == ["training on cpu"]


@pytest.mark.parametrize("name", ["ProdLDA", "LDAVAE"])
def test_a_run_is_where_its_model_is(name: str) -> None:
    """Whatever torch makes tensors on unless told otherwise."""
    usual, other = trainer(name, epochs=2), trainer(name, epochs=2)
    history = usual.fit(CORPUS, CORPUS)
    with torch.device("meta"):
        assert [e.elbo for e in other.fit(CORPUS, CORPUS)] == [e.elbo for e in history]
