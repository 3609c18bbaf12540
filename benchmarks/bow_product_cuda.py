"""The product decoder on this machine's GPU: checks, then times of forward and backward.

    python -m benchmarks.bow_product_cuda [--quick] [--profile] [--out rows.jsonl]

Each row is checked against the reference in float64 on a smaller problem of the same K. Times are
medians by CUDA events; rate counts 8·B·K·V flops, two products of a pass in the forward and two in
the backward. --profile lists the milliseconds of each kernel.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.batches import zipf_batch
from ntm_fast import ops, reference

Step = Callable[[], object]
SHAPES = [  # B, K, V
    *((1024, k, 50_000) for k in (64, 100, 128, 256)),
    *((8192, k, 50_000) for k in (64, 128, 256)),
    (4096, 128, 200_000),
    (1024, 128, 1_000_000),
]
PRECISIONS = ("highest", "high", "medium")


class Problem:
    """Tensors on the GPU and the steps that are compared on them."""

    def __init__(self, documents: int, topics: int, words: int, batch_norm: bool, dtype: Any):
        torch.manual_seed(0)
        batch = zipf_batch(documents, words)
        self.csr = [t.cuda() for t in batch]
        self.hidden = torch.randn(documents, topics).softmax(1).to("cuda", dtype).requires_grad_()
        self.weight = (torch.randn(words, topics) * 0.5).to("cuda", dtype).requires_grad_()
        self.batch_norm = batch_norm

    def gradients(self, log_likelihood: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(log_likelihood.sum(), [self.hidden, self.weight])

    def fast(self) -> object:
        call = ops.bow_product_log_likelihood
        how = {"batch_norm": self.batch_norm}
        return self.gradients(call(self.hidden, self.weight, None, *self.csr, **how)[0])

    def eager(self) -> object:
        logits = F.linear(self.hidden, self.weight)
        if self.batch_norm:
            logits = F.batch_norm(logits, None, None, training=True, eps=1e-3)
        log_p = logits.log_softmax(1)
        indptr, indices, counts = self.csr
        documents = torch.arange(len(indptr) - 1, device="cuda").repeat_interleave(
            indptr.diff(), output_size=len(indices)
        )
        terms = counts * log_p[documents, indices]
        return self.gradients(torch.zeros_like(log_p[:, 0]).index_add(0, documents, terms))

    def compiled(self, function: Callable[..., Any]) -> Step:
        how = {"batch_norm": self.batch_norm}
        return lambda: self.gradients(function(self.hidden, self.weight, None, *self.csr, **how)[0])

    def error(self) -> float:
        """Largest ‖fast − exact‖ / ‖exact‖ of the gradients, exact in float64."""
        found = self.fast()
        inputs = [t.detach().double().requires_grad_() for t in (self.hidden, self.weight)]
        call = reference.bow_product_log_likelihood
        how = {"batch_norm": self.batch_norm}
        likelihood = call(*inputs, None, *self.csr, **how)[0]
        exact = torch.autograd.grad(likelihood.sum(), inputs)
        assert isinstance(found, tuple)
        return max(
            float((f.double() - e).norm() / e.norm()) for f, e in zip(found, exact, strict=True)
        )


def milliseconds(step: Step, budget: float = 400.0) -> tuple[float, float]:
    """Median milliseconds of a step, and the bytes it takes beyond what is there."""
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    times: list[float] = []
    while len(times) < 7 or (sum(times) < budget and len(times) < 100):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        step()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times), torch.cuda.max_memory_allocated() - before


def rows(shapes: list[tuple[int, int, int]], profile: bool) -> Iterator[dict[str, Any]]:
    total = torch.cuda.get_device_properties(0).total_memory
    compiled = torch.compile(reference.bow_product_log_likelihood)
    for documents, topics, words in shapes:
        for batch_norm in (True, False):
            for precision in PRECISIONS:
                torch.set_float32_matmul_precision(precision)
                small = Problem(300, topics, 2003, batch_norm, torch.float32).error()
                problem = Problem(documents, topics, words, batch_norm, torch.float32)
                subjects: dict[str, Step] = {"ntm_fast": problem.fast}
                if 24 * documents * words < 0.8 * total:
                    subjects["eager"] = problem.eager
                    subjects["compiled"] = problem.compiled(compiled)
                for name, step in subjects.items():
                    time, memory = milliseconds(step)
                    yield {
                        "gpu": torch.cuda.get_device_name(),
                        "torch": torch.__version__,
                        "B, K, V": (documents, topics, words),
                        "batch_norm": batch_norm,
                        "precision": precision,
                        "subject": name,
                        "ms": round(time, 4),
                        "tflops": round(8e-9 * documents * topics * words / time, 1),
                        "MB": round(memory / 2**20),
                        "error": small if name == "ntm_fast" else None,
                    }
                if profile:
                    profiled(problem.fast)
                del problem, subjects


def profiled(step: Step) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
    print(profile.key_averages().table(sort_by="cuda_time_total", row_limit=16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first and the fifth shape alone")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device")
    shapes = [SHAPES[0], SHAPES[4]] if arguments.quick else SHAPES
    for row in rows(shapes, arguments.profile):
        print({k: v for k, v in row.items() if k not in ("gpu", "torch")}, flush=True)
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
