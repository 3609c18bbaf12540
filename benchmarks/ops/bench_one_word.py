"""bow_product_log_likelihood where every document is one word, against fused cross entropies.

That is a language model's last layer, for which others have kernels: rows of K hidden units, V
words, one target each, no batch norm. Ours takes any number of words a document and their counts.
Peers that this machine has not, or that fail on it, are named in the row of ours.
On a GPU all compute in bfloat16, ours at "medium"; on the CPU in float32. The floor is that of
bow_product_log_likelihood.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import device
from benchmarks.floor import products
from benchmarks.ops.bench_bow_product_log_likelihood import at
from benchmarks.rows import op_rows
from benchmarks.timing import QUICK

Function = Callable[[Tensor, Tensor], Tensor]
OP = "bow_product_log_likelihood, one word a document"
# B, K, V
SHAPES = device.pick(
    [(256, 100, 20_000)],
    [(8192, 128, 50_000), (4096, 256, 128_000), (1024, 128, 50_000)],
)


def ours(target: Tensor) -> Function:
    """Σ_d −log p(word_d | document d) by our op."""
    from ntm_fast import ops

    indptr, counts = torch.arange(len(target) + 1), torch.ones(len(target))
    indices = target.int()

    def loss(hidden: Tensor, weight: Tensor) -> Tensor:
        found = ops.bow_product_log_likelihood(hidden, weight, None, indptr, indices, counts)
        return -found[0].sum()

    return loss


def eager(target: Tensor) -> Function:
    return lambda h, w: F.cross_entropy(F.linear(h, w), target, reduction="sum")


def compiled(target: Tensor) -> Function:
    function: Function = torch.compile(eager(target), dynamic=False)
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
    "eager": eager,
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
    cast = device.pick(lambda function: function, in_bfloat16)
    found = {"ntm_fast": device.pick(lambda f: f, lambda f: at("medium", f))(ours(target))}
    absent = []
    for name, make in PEERS.items():
        try:
            subject = cast(make(target))
            torch.autograd.grad(subject(*args), args)
            found[name] = subject
        except Exception as error:  # of somebody else's code: whatever it is
            reason = str(error).split("\n")[0][:80] or type(error).__name__
            absent.append(f"{name} ({reason})")
    return found, absent


def rows_of(shape: tuple[int, int, int], threads: int) -> list[dict[str, Any]]:
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
        OP,
        args,
        subjects,
        threads,
        floor=products(flops, device.pick(torch.float32, torch.bfloat16)),
        tolerance=device.pick(1e-3, 0.1),
        elements=documents * words,
        precision=device.pick("highest", "medium"),
    )
    print(f"{OP}: absent {', '.join(absent) or 'is nobody'}")
    return [rows[0] | {"absent_peers": absent}, *rows[1:]]


def run(threads: int) -> Iterator[dict[str, Any]]:
    for shape in SHAPES[: 2 if QUICK else None]:
        yield from rows_of(shape, threads)
