"""Rows of a benchmark: subjects are checked against each other or the reference, then timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.timing import ONCE, PROFILE, Floor, arithmetic, compare, memory


def forward_backward(function: Callable[..., Any], args: Sequence[Any]) -> list[Tensor]:
    """Output and gradients of its sum to every input that requires one."""
    output = function(*args)
    output = output[0] if isinstance(output, tuple) else output
    wanted = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    return [output.detach(), *torch.autograd.grad(output.sum(), wanted)]


DISAGREEMENTS: list[str] = []  # found on a GPU, whose time is too expensive to stop there


def disagree(message: str) -> None:
    """Raise AssertionError; on a GPU note the message, so that what was measured is kept."""
    if not machine.is_cuda():
        raise AssertionError(message)
    DISAGREEMENTS.append(message)
    print(f"DISAGREEMENT: {message}")


def check_alike(op: str, results: dict[str, list[Tensor]], tolerance: float) -> None:
    """`disagree` if the first subject's tensors differ from another's."""
    ours, *others = results
    for name in others:
        for value, truth in zip(results[ours], results[name], strict=True):
            scale = truth.abs().max().clamp_min(1e-30)
            error = float((value - truth).abs().max() / scale)
            if not error <= tolerance:
                disagree(f"{op}: {ours} differs from {name} by {error:.2g}")


def runnable(op: str, runs: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """The result of each subject.

    On a GPU a peer that cannot run there, or not in its memory, is left out with a message.
    """
    results: dict[str, Any] = {}
    for name, run in runs.items():
        try:
            results[name] = run()
        except Exception as error:
            if not results or not machine.is_cuda():
                raise
            print(f"{op}: {name} is left out: {str(error).splitlines()[:1]}")
    return results


def timed(
    subjects: dict[str, Callable[[], object]],
    threads: int,
    *,
    floor: Floor | None = None,
    budget: float = 2.0,
    once: float = ONCE,
) -> dict[str, dict[str, Any]]:
    """Figures of each subject, all timed in alternation with each other and the floor.

    ``ratio`` is the subject's time over the first one's, ``share_of_floor`` the floor's time over
    the subject's: medians over the turns, each compared within itself. On a GPU ``peak_bytes`` is
    the memory that a call takes.
    """
    runs = subjects if floor is None else {**subjects, "floor": floor.run}
    timings = compare(runs, threads=threads, budget=budget, once=once)
    ours = next(iter(timings.values()))
    figures = {}
    for name in subjects:
        timing = timings[name]
        ratio = timing.over(ours)
        row = {
            "seconds": timing.seconds,
            "spread": timing.spread,
            "ratio": ratio.seconds,
            "ratio_spread": ratio.spread,
        }
        if floor is not None:
            share = timings["floor"].over(timing)
            row |= {"floor": floor.name, "share_of_floor": share.seconds * floor.calls}
            row |= {"share_spread": share.spread}
        peak = machine.peak_of(subjects[name])
        figures[name] = row if peak is None else {**row, "peak_bytes": peak}
    if PROFILE:
        print(machine.profile(next(iter(subjects.values()))))
    return figures


def traffic(tensors: Sequence[Tensor]) -> int:
    """Bytes that no elementwise op can save: all read in both passes, gradients written once."""
    return sum((2 + t.requires_grad) * t.nbytes for t in tensors)


def op_rows(
    op: str,
    args: Sequence[Any],
    subjects: dict[str, Callable[..., Any]],
    threads: int,
    *,
    floor: Floor | None = None,
    elements: int | None = None,
    tolerance: float = 1e-4,
    budget: float = 2.0,
    **extra: Any,
) -> list[dict[str, Any]]:
    """Check that all subjects agree with the first, then time forward and backward of each.

    ``elements`` is what ns_per_element counts (default: those of the first argument); ``floor`` is
    the memory traffic of an elementwise op unless another is given.
    """
    runs = {name: lambda f=f: forward_backward(f, args) for name, f in subjects.items()}
    results = runnable(op, runs)
    check_alike(op, results, tolerance)
    runs = {name: runs[name] for name in results}
    del results
    tensors = [a for a in args if isinstance(a, Tensor)]
    figures = timed(
        runs,
        threads,
        floor=floor or memory(traffic(tensors)),
        budget=budget,
    )
    shapes = dict.fromkeys("x".join(map(str, t.shape)) for t in tensors)
    count = elements or tensors[0].numel()
    return [
        {
            "op": op,
            "subject": name,
            "shape": ", ".join(shapes),
            "dtype": str(tensors[0].dtype).removeprefix("torch."),
            "threads": threads,
            **figure,
            "ns_per_element": figure["seconds"] / count * 1e9,
            **extra,
        }
        for name, figure in figures.items()
    ]


def error(value: Tensor, truth: Tensor) -> float:
    """Largest difference, relative to 1 + |truth|; on a GPU that of all but one in a hundred.

    There a proposal at the edge may be rejected by one and accepted by the other.
    """
    difference = (value.double() - truth.double()).abs() / (1 + truth.double().abs())
    return float(difference.flatten().quantile(machine.pick(1.0, 0.99)))


def check(op: str, found: float, dtype: torch.dtype) -> None:
    """`disagree` if a relative error exceeds what rounding in dtype explains."""
    bound = 1e-13 if dtype == torch.float64 else machine.pick(3e-6, 2e-5)
    if not found <= bound:
        disagree(f"{op}: differs from the reference by {found:.2g} in {dtype}")


def draw_rows(
    op: str,
    tensor: Tensor,
    subjects: dict[str, Callable[[], object]],
    threads: int,
    *,
    arrays: int,
    operations: float | None = None,
    **extra: Any,
) -> list[dict[str, Any]]:
    """Times of subjects that draw other numbers than ours, so that they can only be timed.

    The floor of ``share_of_floor`` is the multiply-adds in double precision that an element takes,
    ``operations``, or without them reading and writing ``arrays`` arrays of the tensor's size.
    """
    if operations is None:
        floor = memory(arrays * tensor.nbytes)
    else:
        floor = arithmetic(operations * tensor.numel(), tensor.dtype)
    able = runnable(op, subjects)
    subjects = {name: subjects[name] for name in able}
    figures = timed(subjects, threads, floor=floor, budget=1.5)
    return [
        {
            "op": op,
            "subject": name,
            "shape": "x".join(map(str, tensor.shape)),
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "threads": threads,
            **figure,
            "ns_per_element": figure["seconds"] / tensor.numel() * 1e9,
            **extra,
        }
        for name, figure in figures.items()
    ]
