"""A training step reads nothing back from its device.

Without a GPU it is run on fake tensors, which have no values: any step of Python that needed one
would raise. What the checks of values are on the CPU is left out, as it is on a GPU.
"""

import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from ntm_fast import ops
from ntm_fast.bags import Bags
from ntm_fast.models import TopicModel
from ntm_fast.models.decoders import DECODERS
from ntm_fast.models.posteriors import POSTERIORS
from ntm_fast.settings import ModelSettings
from ntm_fast.training import TrainingSettings
from ntm_fast.training.cuda_graphs import why_not

WORDS, DOCUMENTS, NONZEROS = 50, 7, 90
FITTING = [
    (posterior, decoder)
    for posterior, q in POSTERIORS.items()
    for decoder, p in DECODERS.items()
    if set(q.gives) & set(p.accepts)
]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    for name in ("log_dirichlet_inverse_cdf", "log_weibull_rsample"):
        module = sys.modules[f"ntm_fast.ops.{name}"]
        monkeypatch.setattr(module, "check_positive", lambda *values, **arguments: None)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def fake_batch() -> Bags:
    return Bags(
        torch.empty(DOCUMENTS + 1, dtype=torch.int64),
        torch.empty(NONZEROS, dtype=torch.int32),
        torch.empty(NONZEROS),
    )


def step(
    posterior: str,
    decoder: str,
    seed: Tensor | None = None,
    weight: Tensor | float = 1.0,
    **settings: object,
) -> Tensor:
    model = TopicModel(
        WORDS,
        ModelSettings(n_topics=4, hidden=(8, 8), posterior=posterior, decoder=decoder, **settings),
    )
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    seed = torch.tensor(3) if seed is None else seed  # a CPU's, which can be read
    loss = model.loss(fake_batch().ordered(), seed, weight, 2, free_bits=0.1, diversity=weight)
    loss.loss.backward()
    optimiser.step()
    return loss.loss


@pytest.mark.parametrize(("posterior", "decoder"), FITTING)
def test_no_part_of_a_model_waits(fake: FakeTensorMode, posterior: str, decoder: str) -> None:
    assert step(posterior, decoder).shape == ()


@pytest.mark.parametrize(("posterior", "decoder"), FITTING)
def test_what_can_be_recorded(fake: FakeTensorMode, posterior: str, decoder: str) -> None:
    """Seed and weight may be the device's own, but where the trainer refuses to record."""
    seed, weight = torch.empty((), dtype=torch.int64), torch.empty(())
    if why_not(TrainingSettings(), posterior) is None:
        assert step(posterior, decoder, seed, weight).shape == ()
    else:
        with pytest.raises(DataDependentOutputException):
            step(posterior, decoder, seed, weight)


@pytest.mark.parametrize("inputs", ["counts", "log1p", "normalised"])
def test_no_setting_waits(fake: FakeTensorMode, inputs: str) -> None:
    assert step("logistic-normal", "product", inputs=inputs, learned_prior=True).shape == ()


def test_a_wait_is_found(fake: FakeTensorMode) -> None:
    with pytest.raises(DataDependentOutputException):
        bool(torch.ones(3).sum() > 2)
    indptr, indices, counts = fake_batch()[:3]
    rows = torch.zeros(3, dtype=torch.int64)
    assert ops.bow_rows(rows, indptr, indices, counts, 12)[1].shape == (12,)
