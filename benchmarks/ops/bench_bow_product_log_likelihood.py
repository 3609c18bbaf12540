"""bow_product_log_likelihood with batch norm against the dense PyTorch that users write.

The floor is what no method with recomputation can beat: 8·B·K·V flops (one product forward, three
backward) at the rate of this machine's own matrix product, timed in turns with the op. On the CPU
that is sgemm, and for "medium" precision, rows whose dtype is bfloat16, the machine's product of
bfloat16 matrices; on a GPU sgemm, TF32 and bfloat16 for "highest", "high" and "medium". There
eager PyTorch runs at the same precision, at "medium" under autocast.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import device
from benchmarks.batches import ZipfBatch, zipf_batch
from benchmarks.floor import Floor, products
from benchmarks.rows import op_rows
from benchmarks.timing import QUICK
from ntm_fast import ops, reference
from ntm_fast.bags import Bags
from ntm_fast.training.precision import matmul_precision

Function = Callable[..., Tensor]
# Environment variables that ask for other kernels on a GPU: rows say so.
ASKED = [name for name in ("WGMMA", "TF32") if os.environ.get(f"NTM_FAST_{name}") == "1"]
OP = ", ".join(["bow_product_log_likelihood", *map(str.lower, ASKED)])
# B, K, V
SHAPES = device.pick(
    [
        (200, 50, 2_000),
        (256, 100, 2_000),
        (256, 100, 20_000),
        (256, 50, 20_000),
        (256, 256, 20_000),
        (64, 100, 20_000),
        (1024, 100, 20_000),
        (256, 100, 100_000),
    ],
    [
        (1024, 128, 50_000),
        (8192, 128, 50_000),
        (4096, 128, 200_000),
        (1024, 128, 1_000_000),
        (1024, 64, 50_000),
        (1024, 100, 50_000),
        (1024, 256, 50_000),
        (8192, 64, 50_000),
        (8192, 256, 50_000),
        (8192, 128, 1_000_000),
        (256, 50, 2_000),
    ],
)
COMPILED = SHAPES[2]  # where the compiled reference is measured on the CPU
EAGER_ARRAYS = 8  # of B×V floats that the peers hold at once


def at(precision: str, function: Function) -> Function:
    """The function with float32 matrix products at a precision; its backward keeps it."""

    def run(*args: Tensor) -> Tensor:
        with matmul_precision(precision):
            return function(*args)

    return run


def autocast(function: Function) -> Function:
    """The function under torch's autocast to bfloat16."""

    def run(*args: Tensor) -> Tensor:
        with torch.autocast(device.NAME, torch.bfloat16):
            return function(*args)

    return run


def peers(batch: ZipfBatch, words: int, batch_norm: bool, compiled: Any) -> dict[str, Function]:
    """Functions of (hidden, weight): ours, and what users write."""
    bags = Bags(*batch).ordered()  # as in training: once for all ops
    how = {"batch_norm": batch_norm}
    fits = device.fits(EAGER_ARRAYS * 4 * (len(batch.indptr) - 1) * words)
    dense = batch.dense(words) if fits else torch.empty(0)

    def fast(hidden: Tensor, weight: Tensor) -> Tensor:
        return ops.bow_product_log_likelihood(hidden, weight, None, bags, **how)[0]

    def eager(hidden: Tensor, weight: Tensor) -> Tensor:
        logits = F.linear(hidden, weight)
        if batch_norm:
            logits = F.batch_norm(logits, None, None, training=True, eps=1e-3)
        return (dense * logits.log_softmax(1)).sum(1)

    def compiled_reference(hidden: Tensor, weight: Tensor) -> Tensor:
        output: Tensor = compiled(hidden, weight, None, bags, **how)[0]
        return output

    found: dict[str, Function] = {"ntm_fast": fast}
    if fits:
        found |= {"eager dense": eager, "compiled reference": compiled_reference}
    return found


def inputs(documents: int, topics: int, words: int) -> list[Tensor]:
    """Hidden layer and weight."""
    return [
        torch.randn(documents, topics).softmax(1).requires_grad_(),
        (torch.randn(words, topics) * 0.5).requires_grad_(),
    ]


def cpu_rows(shape: tuple[int, int, int], threads: int, compiled: Any) -> list[dict[str, Any]]:
    """Rows of one shape in float32, then at "medium" precision."""
    documents, topics, words = shape
    args = inputs(*shape)
    subjects = peers(zipf_batch(documents, words, length=150), words, True, compiled)
    fast, eager = subjects["ntm_fast"], subjects["eager dense"]
    if shape != COMPILED:
        del subjects["compiled reference"]
    flops, common = 8 * documents * topics * words, {"elements": documents * words}
    rows = op_rows(OP, args, subjects, threads, floor=products(flops), tolerance=1e-3, **common)
    return rows + op_rows(
        OP,
        args,
        {"ntm_fast": at("medium", fast), "ntm_fast, float32": fast}
        | {"eager dense": autocast(eager), "eager dense, float32": eager},
        threads,
        floor=products(flops, torch.bfloat16),
        tolerance=0.1,  # eager's own errors under autocast reach 0.06
        **common,
        dtype="bfloat16",
        precision="medium",
    )


def gpu_rows(shape: tuple[int, int, int], threads: int, compiled: Any) -> list[dict[str, Any]]:
    """Rows of one shape at each precision with batch norm, and at "medium" without it."""
    documents, topics, words = shape
    args, batch = inputs(*shape), zipf_batch(documents, words, length=150)
    flops = 8 * documents * topics * words
    floors: dict[str, Callable[[], Floor]] = {
        "medium": lambda: products(flops, torch.bfloat16),
        "high": lambda: products(flops, precision="high"),
        "highest": lambda: products(flops),
    }
    torch._dynamo.reset()  # its limit of recompilations is for less than these shapes
    rows = []
    cases = [*((name, True) for name in floors), ("medium", False)]
    if "TF32" in ASKED:
        cases = [("high", True)]
    for precision, batch_norm in cases:
        subjects = peers(batch, words, batch_norm, compiled)
        if not batch_norm or (precision != "medium" and (QUICK or shape != SHAPES[0])):
            subjects.pop("compiled reference", None)  # each takes its time to compile
        if precision == "medium":
            ours = subjects.pop("ntm_fast")
            subjects = {"ntm_fast": ours} | {n: autocast(f) for n, f in subjects.items()}
        with matmul_precision(precision):
            rows += op_rows(
                OP,
                args,
                subjects,
                threads,
                floor=floors[precision](),
                elements=documents * words,
                tolerance={"highest": 1e-3, "high": 1e-2, "medium": 0.1}[precision],
                precision=precision,
                batch_norm=batch_norm,
            )
    for row in rows:
        row["tflops_per_second"] = flops / row["seconds"] * 1e-12
    return rows


def run(threads: int) -> Iterator[dict[str, Any]]:
    reference_op = reference.bow_product_log_likelihood
    compiled = torch.compile(reference_op, dynamic=device.pick(None, False))
    shapes = SHAPES[: 3 if QUICK and device.is_cuda() else None]
    measure = device.pick(cpu_rows, gpu_rows)
    for shape in shapes:
        yield from measure(shape, threads, compiled)
