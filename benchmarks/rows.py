"""Rows of a benchmark of an op: checked against the reference first, then timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.floor import bandwidth
from benchmarks.timing import compare


def forward_backward(function: Callable[..., Any], args: Sequence[Any]) -> list[Tensor]:
    """Output and gradients of its sum to every input that requires one."""
    output = function(*args)
    output = output[0] if isinstance(output, tuple) else output
    wanted = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    return [output.detach(), *torch.autograd.grad(output.sum(), wanted)]


def op_rows(
    op: str,
    args: Sequence[Any],
    subjects: dict[str, Callable[..., Any]],
    threads: int,
    *,
    elements: int | None = None,
    tolerance: float = 1e-4,
    budget: float = 2.0,
    **extra: Any,
) -> list[dict[str, Any]]:
    """Check that all subjects agree with the first, then time forward and backward of each.

    ``elements`` is what ns_per_element counts (default: those of the first argument); each row's
    ``ratio`` is the subject's time over that of the first subject. The floor of ``share_of_floor``
    is the memory traffic of an elementwise op at the bandwidth measured in the same run: every
    tensor read in both passes, every gradient written once.
    """
    results = {name: forward_backward(f, args) for name, f in subjects.items()}
    ours, *others = results
    for name in others:
        for value, truth in zip(results[ours], results[name], strict=True):
            scale = truth.abs().max().clamp_min(1e-30)
            error = float((value - truth).abs().max() / scale)
            if not error <= tolerance:
                raise AssertionError(f"{op}: {ours} differs from {name} by {error:.2g}")
    timings = compare(
        {name: lambda f=f: forward_backward(f, args) for name, f in subjects.items()},
        threads=threads,
        budget=budget,
    )
    tensors = [a for a in args if isinstance(a, Tensor)]
    shapes = dict.fromkeys("x".join(map(str, t.shape)) for t in tensors)
    count = elements or tensors[0].numel()
    traffic = sum((2 + t.requires_grad) * t.nbytes for t in tensors)
    floor = traffic / bandwidth(threads)
    return [
        {
            "op": op,
            "subject": name,
            "shape": ", ".join(shapes),
            "dtype": str(tensors[0].dtype).removeprefix("torch."),
            "threads": threads,
            "seconds": timing.seconds,
            "spread": timing.spread,
            "ns_per_element": timing.seconds / count * 1e9,
            "ratio": timing.seconds / timings[ours].seconds,
            "share_of_floor": floor / timing.seconds,
            **extra,
        }
        for name, timing in timings.items()
    ]
