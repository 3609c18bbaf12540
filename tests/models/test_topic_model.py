import copy
import pickle

import pytest
import torch
from hypothesis import given

from ntm_fast import ops, reference
from ntm_fast.bags import Bags
from ntm_fast.data import Corpus, CorpusTensors
from ntm_fast.models import ModelSettings, TopicModel, topic_model
from ntm_fast.training import RECIPES
from tests.helpers.blocks import block_corpus
from tests.ops.strategies import CsrBatch, csr_batches

SEED = torch.tensor(7)
NAMED = pytest.mark.parametrize("name", list(RECIPES))
SMALL = {"n_topics": 3, "hidden": (8, 8)}


def make(name: str, n_words: int, backend: object = ops, **changes: object) -> TopicModel:
    torch.manual_seed(0)
    recipe = RECIPES[name].changed(**{**SMALL, **changes})
    return TopicModel(n_words, recipe.model, ops=backend)


def whole(corpus: Corpus) -> Bags:
    return CorpusTensors(corpus).batch(torch.arange(len(corpus)))


@NAMED
@given(batch=csr_batches(min_documents=1))
def test_backends_agree_on_loss_and_gradients(name: str, batch: CsrBatch) -> None:
    results = []
    for backend in (ops, reference):
        model = make(name, batch.n_words, backend).double()
        loss = model.loss(Bags(*batch[:3]), SEED, kl_weight=0.5)
        loss.loss.backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append({"loss": loss.loss, "kl": loss.kl, **grads})
    ours, theirs = results
    assert ours.keys() == theirs.keys()
    # Batch norm over two documents cancels all but a small part of a gradient: 2e-9 is left of
    # the rounding of gradients of several hundred.
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-8, atol=1e-8, msg=key)


@NAMED
def test_float32_is_near_float64(name: str) -> None:
    batch = whole(block_corpus(n_documents=20))
    model = make(name, 40)
    single = model.loss(batch, SEED).kl
    double = make(name, 40).double().loss(batch, SEED).kl
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-5)


@NAMED
def test_loss_depends_on_nothing_but_the_seed(name: str) -> None:
    batch = whole(block_corpus(n_documents=20))
    model = make(name, 40, topic_dropout=0.5, encoder_dropout=0.2)
    first = model.loss(batch, SEED).loss
    torch.manual_seed(99)
    assert first == model.loss(batch, SEED).loss
    assert first != model.loss(batch, SEED + 1).loss


def test_terms_add_up_and_draws_are_averaged() -> None:
    batch = whole(block_corpus(n_documents=20))
    model = make("NVLDA", 40)
    loss = model.loss(batch, SEED, kl_weight=0.25)
    torch.testing.assert_close(loss.loss, 0.25 * loss.kl - loss.log_likelihood)
    two = model.loss(batch, SEED, n_samples=2)
    one, other = (model.loss(batch, SEED + i).log_likelihood for i in (0, 1))
    torch.testing.assert_close(two.log_likelihood, (one + other) / 2)


@NAMED
def test_evaluation(name: str) -> None:
    corpus = block_corpus(n_documents=1030)  # more than one chunk
    model = make(name, 40)
    model.loss(whole(corpus), SEED)  # running statistics
    theta = model.topic_codes(corpus)
    proportions = model.topic_proportions(corpus)
    assert proportions.shape == (1030, 3)
    torch.testing.assert_close(proportions.sum(1), torch.ones(1030, dtype=torch.float64))
    if name not in ("WHAI", "NVDM"):  # of intensities and of any real numbers
        assert theta.equal(proportions)
    probabilities = model.word_probabilities(theta)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(1030))
    dense = torch.from_numpy(corpus.to_scipy().toarray())
    expected = (dense * probabilities.log()).sum(1)
    torch.testing.assert_close(model.log_likelihood(theta, corpus), expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(model.topic_weights().sum(1), torch.ones(3))
    assert model.elbo(corpus, 3).equal(model.elbo(corpus, 3))
    assert not model.elbo(corpus, 3).equal(model.elbo(corpus, 4))
    assert model.training, "evaluation leaves the mode as it was"
    # A document's result does not depend on its neighbours.
    alone = model.topic_codes(corpus[[5]])
    torch.testing.assert_close(alone, theta[[5]], rtol=1e-12, atol=1e-12)


@NAMED
def test_one_document_and_an_empty_one(name: str) -> None:
    model = make(name, 40)
    loss = model.loss(whole(block_corpus(n_documents=1)), SEED).loss
    loss.backward()
    assert loss.isfinite()
    empty = Bags(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int32), torch.tensor([]))
    nothing = model.loss(empty, SEED).log_likelihood
    assert nothing == 0 or (name == "WHAI" and nothing < 0)  # whose model has lengths too


@pytest.mark.parametrize("inputs", ["counts", "log1p", "normalised"])
def test_encoder_sees_the_transformed_counts(inputs: str) -> None:
    corpus = block_corpus(n_documents=5)
    encoder = make("ProdLDA", 40, hidden=(6,), inputs=inputs, activation="relu").encoder
    x = torch.from_numpy(corpus.to_scipy().toarray())
    if inputs == "log1p":
        x = x.log1p()
    if inputs == "normalised":
        x = x / x.sum(1, keepdim=True)
    expected = torch.relu(x @ encoder.weight + encoder.bias)
    torch.testing.assert_close(encoder(whole(corpus)), expected)


def test_copies_and_pickles_keep_the_backend() -> None:
    model = make("ProdLDA", 40, reference)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.encoder.ops is reference
        assert twin.decoder.weight.equal(model.decoder.weight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_topics": 0}, "n_topics is 0; expected >= 1"),
        ({"prior": -1.0}, "prior is -1.0; expected > 0"),
        ({"hidden": (10, 0)}, r"hidden\[1\] is 0"),
        ({"topic_dropout": 1.0}, r"topic_dropout is 1.0; expected a number in \[0, 1\)"),
        ({"activation": "tanh"}, "activation is 'tanh'; expected one of 'softplus', 'relu'"),
        ({"concentration_ceiling": 1e-9}, "concentration_ceiling is 1e-09"),
        ({"posterior": "gauss"}, "posterior is 'gauss'; expected one of"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopicModel(10, ModelSettings(**changes), ops=reference)  # type: ignore[arg-type]


def test_wrong_shapes_are_named() -> None:
    model = make("ProdLDA", 40)
    with pytest.raises(ValueError, match="vocabulary of 20 words; expected 40"):
        model.topic_proportions(block_corpus(n_topics=2))
    with pytest.raises(ValueError, match=r"theta has shape \(1, 3\); expected \(300, 3\)"):
        model.log_likelihood(torch.ones(1, 3), block_corpus())


def test_a_model_begins_at_the_words_of_its_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = block_corpus(n_documents=30)
    model = make("ProdLDA", corpus.n_words)
    monkeypatch.setattr(topic_model, "CHUNK", 7)  # a corpus larger than what is looked at at once
    model.init_background(corpus)
    counts = corpus.to_scipy().toarray().sum(0) + 0.5
    found = torch.softmax(model.decoder.shift, 0)
    torch.testing.assert_close(found, torch.from_numpy(counts / counts.sum()).float())
    with pytest.raises(ValueError, match="vocabulary"):
        make("ProdLDA", corpus.n_words + 1).init_background(corpus)
    with pytest.warns(DeprecationWarning, match="begin_at is now called init_background"):
        model.begin_at(corpus)
