"""bow_product_log_likelihood, and the same where every document is one word.

The floor is a bound for every method with recomputation: 8·B·K·V flops (one product forward, three
backward) at the rate of this machine's own matrix product. On the CPU that is sgemm, and for
"medium" precision, rows whose dtype is bfloat16, the machine's product of bfloat16 matrices; on a
GPU sgemm, TF32 and bfloat16 for "highest", "high" and "medium". There eager PyTorch runs at the
same precision, at "medium" under autocast.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import machine
from benchmarks.harness.inputs import ZipfBatch, zipf_batch
from benchmarks.harness.rows import op_rows
from benchmarks.harness.timing import QUICK, Floor, products
from ntm_fast import ops, reference
from ntm_fast.training.precision import matmul_precision

Rows = Iterator[dict[str, Any]]
Function = Callable[..., Tensor]
# Environment variables that ask for other kernels on a GPU: rows say so.
ASKED = [name for name in ("WGMMA", "TF32") if os.environ.get(f"NTM_FAST_{name}") == "1"]
OP = ", ".join(["bow_product_log_likelihood", *map(str.lower, ASKED)])
# B, K, V
SHAPES = machine.pick(
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
ONE_WORD = "bow_product_log_likelihood, one word a document"
ONE_WORD_SHAPES = machine.pick(
    [(256, 100, 20_000)],
    [(8192, 128, 50_000), (4096, 256, 128_000), (1024, 128, 50_000)],
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
        with torch.autocast(machine.NAME, torch.bfloat16):
            return function(*args)

    return run


def peers(batch: ZipfBatch, words: int, batch_norm: bool, compiled: Any) -> dict[str, Function]:
    """Functions of (hidden, weight): ours, and what users write."""
    csr, ordered = batch.csr(), batch.ordered()
    how = {"batch_norm": batch_norm}
    fits = machine.fits(EAGER_ARRAYS * 4 * (len(batch.indptr) - 1) * words)
    dense = batch.dense(words) if fits else torch.empty(0)

    def fast(hidden: Tensor, weight: Tensor) -> Tensor:
        return ops.bow_product_log_likelihood(hidden, weight, None, **ordered, **how)[0]

    def eager(hidden: Tensor, weight: Tensor) -> Tensor:
        logits = F.linear(hidden, weight)
        if batch_norm:
            logits = F.batch_norm(logits, None, None, training=True, eps=1e-3)
        return (dense * logits.log_softmax(1)).sum(1)

    def compiled_reference(hidden: Tensor, weight: Tensor) -> Tensor:
        output: Tensor = compiled(hidden, weight, None, **csr, **how)[0]
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


def cpu_rows(shape: tuple[int, int, int], threads: int, compiled: Any) -> Rows:
    """Rows of one shape in float32, then at "medium" precision."""
    documents, topics, words = shape
    args = inputs(*shape)
    subjects = peers(zipf_batch(documents, words, length=150), words, True, compiled)
    fast, eager = subjects["ntm_fast"], subjects["eager dense"]
    if shape != COMPILED:
        del subjects["compiled reference"]
    flops, common = 8 * documents * topics * words, {"elements": documents * words}
    floor = products(flops)
    yield from op_rows(OP, args, subjects, threads, floor=floor, tolerance=1e-3, **common)
    yield from op_rows(
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


def gpu_rows(shape: tuple[int, int, int], threads: int, compiled: Any) -> Rows:
    """Rows of one shape at each precision with batch norm, and at "medium" without it."""
    documents, topics, words = shape
    args, batch = inputs(*shape), zipf_batch(documents, words, length=150)
    flops = 8 * documents * topics * words
    floors: dict[str, Callable[[], Floor]] = {
        "medium": lambda: products(flops, torch.bfloat16),
        "high": lambda: products(flops, precision="high"),
        "highest": lambda: products(flops),
    }
    torch._dynamo.reset()  # its limit of recompilations is below the number of shapes
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
            rows = op_rows(
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
            yield {**row, "tflops_per_second": flops / row["seconds"] * 1e-12}


def bow_product_log_likelihood(threads: int) -> Rows:
    """With batch norm against the dense PyTorch that users write."""
    reference_op = reference.bow_product_log_likelihood
    compiled = torch.compile(reference_op, dynamic=machine.pick(None, False))
    shapes = SHAPES[: 3 if QUICK and machine.is_cuda() else None]
    measure = machine.pick(cpu_rows, gpu_rows)
    for shape in shapes:
        yield from measure(shape, threads, compiled)


def ours(target: Tensor) -> Function:
    """Σ_d −log p(word_d | document d) by our op."""
    indptr, counts = torch.arange(len(target) + 1), torch.ones(len(target))
    indices = target.int()

    def loss(hidden: Tensor, weight: Tensor) -> Tensor:
        found = ops.bow_product_log_likelihood(hidden, weight, None, indptr, indices, counts)
        return -found[0].sum()

    return loss


def cross_entropy(target: Tensor) -> Function:
    return lambda h, w: F.cross_entropy(F.linear(h, w), target, reduction="sum")


def compiled(target: Tensor) -> Function:
    function: Function = torch.compile(cross_entropy(target), dynamic=False)
    return function


def linear_cross_entropy(target: Tensor) -> Function:
    """PyTorch's own, in chunks of documents."""
    how = {"reduction": "sum", "options": torch.nn.LinearCrossEntropyOptions()}
    function = F.linear_cross_entropy
    return lambda h, w: function(h, w, target, **how)


def liger(target: Tensor) -> Function:
    """Hsu et al., "Liger Kernel: Efficient Triton Kernels for LLM Training", 2024."""
    module = importlib.import_module("liger_kernel.transformers")
    loss = module.LigerFusedLinearCrossEntropyLoss(reduction="sum")
    return lambda h, w: loss(w, h, target)


def cut(implementation: str) -> Callable[[Tensor], Function]:
    """Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", 2024."""

    def make(target: Tensor) -> Function:
        function = importlib.import_module("cut_cross_entropy").linear_cross_entropy
        return lambda h, w: function(h, w, target, reduction="sum", impl=implementation)

    return make


PEERS: dict[str, Callable[[Tensor], Function]] = {
    "eager": cross_entropy,
    "torch.compile": compiled,
    "torch linear_cross_entropy": linear_cross_entropy,
    "Liger": liger,
    "cut cross entropy, exact": cut("cce_exact"),
    "cut cross entropy": cut("cce"),  # leaves out small gradients
}


def in_bfloat16(function: Function) -> Function:
    """The same on copies rounded to bfloat16, with gradients of what was given."""
    return lambda h, w: function(h.bfloat16(), w.bfloat16()).float()


def measured(target: Tensor, args: list[Tensor]) -> tuple[dict[str, Function], list[str]]:
    """The subjects that run on the arguments, ours first, and why the others do not."""
    cast = machine.pick(lambda function: function, in_bfloat16)
    found = {"ntm_fast": machine.pick(lambda f: f, lambda f: at("medium", f))(ours(target))}
    absent = []
    for name, make in PEERS.items():
        try:
            subject = cast(make(target))
            torch.autograd.grad(subject(*args), args)
            found[name] = subject
        except Exception as error:  # of third-party code: any kind
            reason = str(error).split("\n")[0][:80] or type(error).__name__
            absent.append(f"{name} ({reason})")
    return found, absent


def one_word_rows(shape: tuple[int, int, int], threads: int) -> Rows:
    """Rows of one shape (B, K, V)."""
    documents, topics, words = shape
    target = torch.randint(words, (documents,))
    args = [
        torch.randn(documents, topics).requires_grad_(),
        (torch.randn(words, topics) * topics**-0.5).requires_grad_(),
    ]
    torch._dynamo.reset()
    subjects, absent = measured(target, args)
    flops = 8 * documents * topics * words
    rows = op_rows(
        ONE_WORD,
        args,
        subjects,
        threads,
        floor=products(flops, machine.pick(torch.float32, torch.bfloat16)),
        tolerance=machine.pick(1e-3, 0.1),
        elements=documents * words,
        precision=machine.pick("highest", "medium"),
    )
    print(f"{ONE_WORD}: absent: {', '.join(absent) or 'none'}")
    yield rows[0] | {"absent_peers": absent}
    yield from rows[1:]


def one_word(threads: int) -> Rows:
    """Against fused cross entropies: a language model's last layer, for which others have kernels.

    Rows of K hidden units, V words, one target each, no batch norm. Ours takes any number of words
    a document and their counts. Peers that this machine lacks, or that fail on it, are named in our
    row. On a GPU all compute in bfloat16, ours at "medium"; on the CPU in float32.
    """
    for shape in ONE_WORD_SHAPES[: 2 if QUICK else None]:
        yield from one_word_rows(shape, threads)
