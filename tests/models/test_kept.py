"""The topics that evaluation keeps are never out of date, copied, pickled or saved."""

import copy
import gc
import io
import pickle
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm_fast import LDAVAE, ops
from ntm_fast.models import TopicModel, kept
from ntm_fast.training import RECIPES, Trainer
from tests.helpers.blocks import block_corpus

CORPUS = block_corpus(n_documents=60)
MIXTURES = pytest.mark.parametrize("decoder", ["mixture", "embedded-mixture"])


def make(seed: int = 0, decoder: str = "mixture") -> TopicModel:
    torch.manual_seed(seed)
    recipe = RECIPES["NVLDA"].changed(n_topics=5, hidden=(8,), decoder=decoder)
    return TopicModel(CORPUS.n_words, recipe.model).eval()


def fresh(model: TopicModel) -> Tensor:
    """θ by a new model with the same weights."""
    other = make(7, model.settings.decoder).to(model.encoder.weight.dtype)
    other.load_state_dict(model.state_dict())
    return other.topic_codes(CORPUS)


def how_often_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows whenever topics are computed."""
    calls: list[int] = []
    make_them = kept.at_most_one

    def counted(logits: Tensor) -> Tensor:
        calls.append(1)
        return make_them(logits)

    monkeypatch.setattr("ntm_fast.models.decoders.mixture.at_most_one", counted)
    return calls


def test_topics_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, model = how_often_made(monkeypatch), make()
    for _ in range(3):
        model.topic_codes(CORPUS)
        model.topic_proportions(CORPUS[:1])
        model.elbo(CORPUS)
        model.topic_weights()
    assert len(calls) == 1
    model.train()
    model.topic_codes(CORPUS)
    assert model.training
    model.topic_codes(CORPUS)
    assert len(calls) == 3  # once a call: nothing is kept of a model in training


def load_state(model: TopicModel) -> None:
    model.load_state_dict(make(1, model.settings.decoder).state_dict())


def load_and_assign(model: TopicModel) -> None:
    model.load_state_dict(make(1, model.settings.decoder).state_dict(), assign=True)


def write_in_place(model: TopicModel) -> None:
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter[3] += 1.5


def write_through_a_view(model: TopicModel) -> None:
    list(model.decoder.parameters())[-1].detach()[:4].mul_(-3)


def step_of_torch(model: TopicModel) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=5.0)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimiser.step()


def step_of_our_own(model: TopicModel) -> None:
    for p in model.decoder.parameters():
        zeros = [[torch.zeros_like(p)], [torch.zeros_like(p)]]
        ops.adam.adam([p], [torch.randn_like(p)], *zeros, [0.5], [1.0], 0.9, 0.99, 1e-8, 0.0)


def train_on(model: TopicModel) -> None:
    settings = RECIPES["NVLDA"].changed(epochs=2, batch_size=20, validation_fraction=0.0).training
    Trainer(model, settings, seed=0).fit(CORPUS)


def train_and_evaluate(model: TopicModel) -> None:
    train_on(model)
    model.eval()


def another_tensor(model: TopicModel) -> None:
    """As torch.nn.utils and older code do: a parameter's data is set, twice."""
    for parameter in model.decoder.parameters():
        for _ in range(2):
            parameter.data = torch.randn(parameter.shape)


def another_parameter(model: TopicModel) -> None:
    for module in model.decoder.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, torch.nn.Parameter(parameter.detach() * 2 + 1))


def untracked_and_eval(model: TopicModel) -> None:
    list(model.decoder.parameters())[-1].data.mul_(-2)
    model.eval()


def untracked_by_numpy_and_train(model: TopicModel) -> None:
    list(model.decoder.parameters())[-1].detach().numpy()[...] *= -2
    model.train().eval()


CHANGES: list[Callable[[TopicModel], None]] = [
    load_state,
    load_and_assign,
    write_in_place,
    write_through_a_view,
    step_of_torch,
    step_of_our_own,
    train_on,
    train_and_evaluate,
    another_tensor,
    another_parameter,
    untracked_and_eval,
    untracked_by_numpy_and_train,
]


@MIXTURES
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_is_seen(change: Callable[[TopicModel], None], decoder: str) -> None:
    model = make(decoder=decoder)
    before = model.topic_codes(CORPUS)
    change(model)
    after = model.topic_codes(CORPUS)
    assert torch.equal(after, fresh(model))
    assert not torch.allclose(after, before, atol=1e-3)
    change(model)  # once more, now that others are kept
    assert torch.equal(model.topic_codes(CORPUS), fresh(model))


@MIXTURES
def test_another_dtype(decoder: str) -> None:
    model = make(decoder=decoder)
    single = model.topic_codes(CORPUS)
    kept_then = model.decoder.relative_topics()
    assert kept_then.dtype == torch.float32
    double = model.double().topic_codes(CORPUS)
    assert model.decoder.relative_topics().dtype == torch.float64
    torch.testing.assert_close(double, single, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.float().topic_codes(CORPUS), single)


def test_old_weights_are_let_go() -> None:
    model = make()
    model.topic_codes(CORPUS)
    old = weakref.ref(model.decoder.topic_logits.untyped_storage())
    model.double()
    gc.collect()
    assert old() is None


def test_copies_and_pickles_keep_nothing() -> None:
    model = make()
    before = len(pickle.dumps(model))
    expected = model.topic_codes(CORPUS)
    assert model.decoder._relative._made is not None
    assert len(pickle.dumps(model)) == before
    written = io.BytesIO()
    torch.save(model, written)
    written.seek(0)
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        torch.load(written, weights_only=False),
    ]
    for other in copies:
        assert other.decoder._relative._made is None
        assert torch.equal(other.topic_codes(CORPUS), expected)
        write_in_place(other)
        assert torch.equal(other.topic_codes(CORPUS), fresh(other))
    assert torch.equal(model.topic_codes(CORPUS), expected)
    assert not [name for name in model.state_dict() if "relative" in name]


def test_weights_made_in_inference_mode_are_not_kept() -> None:
    """They do not count changes."""
    with torch.inference_mode():
        model = make()
        model.topic_codes(CORPUS)
        write_in_place(model)
        after = model.topic_codes(CORPUS)
    assert torch.equal(after, fresh(model))


def test_an_estimator_that_learns_on() -> None:
    settings = {"epochs": 2, "batch_size": 20, "validation_fraction": 0.0, "random_state": 0}
    looked, other = (LDAVAE(4, **settings) for _ in range(2))
    for _ in range(3):
        looked.partial_fit(CORPUS)
        other.partial_fit(CORPUS)
        theta = looked.transform(CORPUS)  # of the other only in the end
    np.testing.assert_array_equal(theta, other.transform(CORPUS))
    loaded = pickle.loads(pickle.dumps(looked))
    np.testing.assert_array_equal(theta, loaded.transform(CORPUS))


def test_rows_at_most_one() -> None:
    logits = torch.randn(50, 4) * 40
    logits[7] = -3e4  # rare in all topics: 0 in float64, were it not for the division
    logits[9, 2] = -torch.inf
    logits[11] = -torch.inf
    found = kept.at_most_one(logits, rows=16)
    log_beta = logits.double().log_softmax(0)
    expected = (log_beta - log_beta.amax(1, keepdim=True)).exp().nan_to_num(0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.float())
    assert found[7].max() == 1
    assert not found[11].any()
