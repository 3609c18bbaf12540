"""Batches gathered beside the model, or sent to it while the previous one is used."""

import logging
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from ntm_fast import ops
from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, CorpusTensors
from ntm_fast.training import loaders
from ntm_fast.training import trainer as loop
from tests.helpers.blocks import block_corpus
from tests.training.runs import trainer

CORPUS = block_corpus(n_documents=30)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PARTS = torch.randperm(30, generator=torch.Generator().manual_seed(0)).split(8)


def assert_same(found: list[Bags]) -> None:
    expected = [CorpusTensors(CORPUS).batch(part) for part in PARTS]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert all(map(torch.equal, one[:3], other[:3]))


def test_on_the_device() -> None:
    loader = loaders.DeviceLoader(CORPUS, CPU, ops)
    assert_same(list(loader.batches(PARTS)))
    assert_same([loader.batch(part) for part in PARTS])
    assert list(loader.batches([])) == []
    lengths = np.diff(CORPUS.indptr)
    assert loader.nonzeros(PARTS) == [lengths[part.numpy()].sum() for part in PARTS]


class Sender:
    """Notes when batches are sent and when they are received."""

    def __init__(self, device: torch.device) -> None:
        self.diary: list[str] = []

    def send(self, batch: Bags) -> Any:
        number = sum(entry.startswith("sent") for entry in self.diary)
        self.diary.append(f"sent {number}")
        sender = self

        class Sent:
            def received(self) -> Bags:
                sender.diary.append(f"received {number}")
                return batch

        return Sent()


def host_loader(corpus: Corpus) -> tuple[loaders.HostLoader, list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders, "Sender", Sender)
        loader = loaders.HostLoader(corpus, CPU, ops)
    assert isinstance(loader.sender, Sender)
    return loader, loader.sender.diary


def test_a_batch_is_sent_before_the_one_ahead_of_it_is_used() -> None:
    loader, diary = host_loader(CORPUS)
    found = []
    for batch in loader.batches(PARTS):
        found.append(batch)
        diary.append(f"used {len(found) - 1}")
    assert_same(found)
    assert diary[:5] == ["sent 0", "sent 1", "received 0", "used 0", "sent 2"]
    assert diary[-2:] == ["received 3", "used 3"]
    assert_same([loader.batch(part) for part in PARTS])
    assert list(loader.batches([])) == []


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A GPU in name, with this much free memory; its tensors are the CPU's."""
    memory = {"free": 0}
    monkeypatch.setattr(loaders, "free_bytes", lambda device: memory["free"])
    monkeypatch.setattr(loaders, "device_name", lambda device: "a GPU")
    monkeypatch.setattr(loaders, "Sender", Sender)
    tensors = loaders.CorpusTensors
    monkeypatch.setattr(loaders, "CorpusTensors", lambda corpus, device, ops: tensors(corpus))
    return memory


def test_a_corpus_that_fits_is_on_the_device(gpu: dict[str, int]) -> None:
    size = CORPUS.indptr.nbytes + CORPUS.indices.nbytes + CORPUS.counts.nbytes
    for free, reserved, kind in (
        (2 * size, 0, loaders.DeviceLoader),
        (2 * size - 1, 0, loaders.HostLoader),
        (2 * size, 1, loaders.HostLoader),
        (10, 100, loaders.HostLoader),
    ):
        gpu["free"] = free
        assert type(loaders.loader_for(CORPUS, CUDA, ops, reserved)) is kind
    gpu["free"] = 0
    assert type(loaders.loader_for(CORPUS, CPU, ops, 10**15)) is loaders.DeviceLoader


def test_both_train_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [trainer(epochs=2) for _ in range(2)]
    histories = [runs[0].fit(CORPUS)]
    monkeypatch.setattr(loop, "loader_for", lambda corpus, *_: host_loader(corpus)[0])
    histories.append(runs[1].fit(CORPUS))
    assert "the corpus on the host" in runs[1].run.place
    assert [e.elbo for e in histories[0]] == [e.elbo for e in histories[1]]
    for one, other in zip(*(run.model.parameters() for run in runs), strict=True):
        assert torch.equal(one, other)


def test_a_memory_mapped_corpus(tmp_path: object, recwarn: pytest.WarningsRecorder) -> None:
    matrix = sp.csr_array(np.eye(5, dtype=np.float32))
    corpus = Corpus.from_scipy(matrix)
    assert not corpus.indptr.flags.writeable
    loaders.DeviceLoader(corpus, CPU, ops)
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
