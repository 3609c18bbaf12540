"""Whole training steps, recorded once by a CUDA graph and then replayed: one launch a step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ntm_fast.bags import Bags
from ntm_fast.models import Loss
from ntm_fast.settings import TrainingSettings
from ntm_fast.training.loaders import DeviceLoader, Loader

WARM_UP = 2  # steps of a shape before it is recorded: they allocate what a graph may not
# (batch, seed, weight of the KL term, whether the topics' overlap is in the loss)
Step = Callable[[Bags, Tensor, Tensor, bool], Loss]


def why_not(settings: TrainingSettings, posterior: str) -> str | None:
    """The reason why the steps of a run cannot be recorded, None if they can."""
    if settings.em_steps is not None or settings.prior_burn_in:
        return "the parameters that a step trains change over the run (em_steps, prior_burn_in)"
    if posterior == "gaussian":
        return "posterior 'gaussian' draws from torch's generator, by a seed read on the host"
    return None


def bucket(nonzeros: int) -> int:
    """Padded number of nonzeros: at most a 32nd more, so that there are few shapes."""
    unit = max(64, 1 << max(0, nonzeros.bit_length() - 6))
    return -(-nonzeros // unit) * unit


class GraphRecorder:
    """Records CUDA graphs that share a pool of memory, on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work on the stream where it will be recorded."""
        usual = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(usual)
        with torch.cuda.stream(self.stream):
            work()
        usual.wait_stream(self.stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record the work without doing it; the function returned does it."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            work()
        return graph.replay


class RecordedSteps:
    """Takes steps on batches of a corpus on the device; records each shape at its third batch.

    A shape is a number of documents, a number of nonzeros, to which a batch is padded by word 0,
    zero times, and whether the topics' overlap is in the loss. A recorded step reads its rows, seed
    and weight of the KL term from tensors of its own; all else that it touches (weights, Adam's
    moments, the corpus) stays where it is for the whole run.
    """

    def __init__(self, loader: DeviceLoader, step: Step) -> None:
        self.loader, self.step = loader, step
        self.recorder = GraphRecorder(loader.device)
        self.seed = torch.zeros((), dtype=torch.int64, device=loader.device)
        self.weight = torch.zeros((), device=loader.device)
        self.shapes: dict[tuple[int, int, bool], _Shape] = {}

    def __call__(
        self, rows: Tensor, nonzeros: int, seed: Tensor, weight: float, overlap: bool = True
    ) -> Loss:
        """One step on documents `rows` with this number of nonzeros; all tensors on the device."""
        key = rows.numel(), bucket(nonzeros), overlap
        if key not in self.shapes:
            self.shapes[key] = _Shape(torch.empty_like(rows))
        shape = self.shapes[key]
        shape.rows.copy_(rows)
        self.seed.copy_(seed)
        self.weight.fill_(weight)

        def work() -> None:
            batch = self.loader.corpus.batch(shape.rows, key[1])
            loss = self.step(batch, self.seed, self.weight, overlap)
            shape.loss = Loss(*(term.detach() for term in loss))

        if shape.replay is not None:
            shape.replay()
        elif shape.taken < WARM_UP:
            self.recorder.warm_up(work)
            shape.taken += 1
        else:
            shape.replay = self.recorder.record(work)
            shape.replay()
        assert shape.loss is not None
        return Loss(*(term.clone() for term in shape.loss))  # the next replay writes there


class _Shape:
    """Steps of one shape: taken so far, and the recording."""

    def __init__(self, rows: Tensor) -> None:
        self.rows, self.taken = rows, 0
        self.replay: Callable[[], None] | None = None
        self.loss: Loss | None = None


def recorded_steps(settings: TrainingSettings, loader: Loader, step: Step) -> RecordedSteps | None:
    """Steps as CUDA graphs, if the settings ask for them and the corpus is on a GPU."""
    if settings.cuda_graphs and isinstance(loader, DeviceLoader) and loader.device.type == "cuda":
        return RecordedSteps(loader, step)
    return None
