"""Training on a GPU: as on the CPU, without a wait in the step, from run to run the same bits."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from ntm_fast.data import CorpusTensors
from ntm_fast.models import TopicModel
from ntm_fast.training import RECIPES, Trainer, cuda_graphs, loaders
from tests.helpers.blocks import block_corpus

if not torch.cuda.is_available():
    pytest.skip("no GPU", allow_module_level=True)

pytestmark = pytest.mark.cuda
CORPUS = block_corpus(n_documents=120)
ROWS = torch.randperm(120, generator=torch.Generator().manual_seed(0))
CUDA = torch.device("cuda", 0)


def trainer(name: str, device: torch.device | str = CUDA, **changes: object) -> Trainer:
    options = {"n_topics": 4, "hidden": (16,), "epochs": 4, "batch_size": 32, **changes}
    recipe = RECIPES[name].changed(**options)
    torch.manual_seed(0)
    model = TopicModel(40, recipe.model).to(device)
    return Trainer(model, recipe.training, seed=5)


def weights(of: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in of.model.state_dict().items()}


def assert_same_bits(one: Trainer, other: Trainer) -> None:
    for (name, a), b in zip(weights(one).items(), weights(other).values(), strict=True):
        assert torch.equal(a, b), name


@contextmanager
def waits_forbidden() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


# One posterior draws by torch's own generators, which differ from device to device.
@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r.model.posterior != "gaussian"])
def test_steps_are_those_of_the_cpu(name: str) -> None:
    """The weights' paths part slowly: gradients differ in the last bits, and Adam divides them."""
    runs = {device: trainer(name, device, topic_dropout=0.1) for device in ("cpu", "cuda")}
    losses = {}
    for device, run in runs.items():
        run.model.train()
        batches = loaders.DeviceLoader(CORPUS, run.model.device, run.model.decoder.ops).batches
        values = []
        for number, batch in enumerate(batches(ROWS.split(40))):
            loss = run.loss(batch, torch.tensor(7 + number), 0.5)
            run.step(loss)
            values.append(loss.loss.detach().cpu())
        losses[device] = torch.stack(values)
    torch.testing.assert_close(losses["cuda"], losses["cpu"], rtol=2e-4, atol=1e-3)
    for value in weights(runs["cuda"]).values():
        assert value.isfinite().all()


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("kind", [loaders.DeviceLoader, loaders.HostLoader])
def test_no_step_waits(name: str, kind: type[loaders.Loader]) -> None:
    run = trainer(name, n_samples=2)
    run.model.train()
    batches = kind(CORPUS, CUDA, run.model.decoder.ops).batches(ROWS.split(20))
    seeds = torch.arange(6).unbind()
    for number in range(6):
        if number < 2:  # the first make what is kept: Adam's moments, pinned memory, workspaces
            run.step(run.loss(next(batches), seeds[number], 1.0))
            continue
        with waits_forbidden():
            loss = run.loss(next(batches), seeds[number], 1.0)
            run.step(loss)
    assert math.isfinite(float(loss.loss))


@pytest.mark.parametrize("name", ["ProdLDA", "LDAVAE"])
def test_a_step_sorts_once(name: str) -> None:
    run = trainer(name, n_samples=2)
    run.model.train()
    (batch,) = loaders.DeviceLoader(CORPUS, CUDA, run.model.decoder.ops).batches([ROWS[:20]])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run.step(run.loss(batch, torch.tensor(7), 1.0))
    assert sum(event.name == "aten::sort" for event in profile.events()) == 1


@pytest.mark.parametrize("name", list(RECIPES))
def test_two_runs_give_the_same_bits(name: str) -> None:
    runs = [trainer(name) for _ in range(2)]
    for run in runs:
        run.fit(CORPUS, block_corpus(n_documents=40, seed=1))
    assert_same_bits(*runs)


def test_a_corpus_on_device_or_host_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [trainer("ProdLDA") for _ in range(2)]
    runs[0].fit(CORPUS)
    monkeypatch.setattr(loaders, "free_bytes", lambda device: 0)
    runs[1].fit(CORPUS)
    assert "the corpus on the host" in runs[1].run.place
    assert_same_bits(*runs)


@pytest.mark.parametrize(
    "less",
    [
        {"precision": "high"},
        {"precision": "medium"},
        {"autocast": True},
        {"autocast": True, "cuda_graphs": True},
    ],
)
def test_less_precision_trains_as_well(less: dict[str, object]) -> None:
    elbos = [trainer("ProdLDA", **changes).fit(CORPUS)[-1].elbo for changes in ({}, less)]
    assert elbos[1] == pytest.approx(elbos[0], rel=0.02)


def test_a_checkpoint_is_resumed_to_the_bit(tmp_path: object) -> None:
    whole, first = trainer("ProdLDA"), trainer("ProdLDA")
    whole.fit(CORPUS)
    path = f"{tmp_path}/run"
    first = Trainer(first.model, first.settings, seed=5, checkpoint=path)
    first.fit(CORPUS, epochs=2)
    second = trainer("ProdLDA")
    second.resume(path)
    second.fit(CORPUS)
    assert_same_bits(whole, second)


def test_steps_on_a_stream_of_their_own() -> None:
    """Two models on two streams at once learn what each learns alone."""
    names = ["ProdLDA", "LDAVAE"]
    alone = [trainer(name) for name in names]
    batches = CorpusTensors(CORPUS, CUDA, alone[0].model.decoder.ops)
    batch = batches.batch(ROWS[:32].cuda())
    for run in alone:
        for number in range(5):
            run.step(run.loss(batch, torch.tensor(number), 1.0))
    together = [trainer(name) for name in names]
    streams = [torch.cuda.Stream() for _ in together]
    torch.cuda.synchronize()
    for number in range(5):
        for run, stream in zip(together, streams, strict=True):
            with torch.cuda.stream(stream):
                run.step(run.loss(batch, torch.tensor(number), 1.0))
    torch.cuda.synchronize()
    for one, other in zip(alone, together, strict=True):
        assert_same_bits(one, other)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU")
def test_a_device_that_is_not_the_current_one() -> None:
    runs = [trainer("ProdLDA", torch.device("cuda", number)) for number in (0, 1)]
    assert torch.cuda.current_device() == 0
    for run in runs:
        run.fit(CORPUS)
    assert_same_bits(*runs)


def test_a_model_moves_between_devices() -> None:
    run = trainer("ProdLDA")
    run.fit(CORPUS)
    there = run.model.eval().topic_proportions(CORPUS).cpu()
    here = copy.deepcopy(run.model).to("cpu").topic_proportions(CORPUS)
    torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ProdLDA", "NVLDA", "DirichletVAE", "LDAVAE"])
def test_recorded_steps_train_as_well(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"epochs": 8, "kl_schedule": "linear", "warm_up": 4}
    changes |= {"learning_rate_schedule": "cosine"}
    made: list[cuda_graphs.RecordedSteps] = []

    class Noted(cuda_graphs.RecordedSteps):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            made.append(self)

    monkeypatch.setattr(cuda_graphs, "RecordedSteps", Noted)
    runs = [trainer(name, cuda_graphs=wanted, **changes) for wanted in (False, True)]
    plain, replayed = (run.fit(CORPUS) for run in runs)
    assert made, "steps were recorded"
    assert any(shape.replay for shape in made[0].shapes.values())
    assert [e.elbo for e in replayed] == pytest.approx([e.elbo for e in plain], rel=1e-3)
