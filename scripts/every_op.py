"""Calls every op once, forward and backward, on small odd shapes: for a sanitizer to look at.

    compute-sanitizer --tool memcheck python scripts/every_op.py --device cuda

Shapes are no multiples of anything, and include empty documents, repeated and unsorted words. The
exit code is 1 if a value is not finite.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ntm_fast import ops

DOCUMENTS, TOPICS, WORDS, FEATURES = 37, 21, 203, 29
Inputs = tuple[Tensor, ...]


def batch(n_documents: int, n_words: int) -> Inputs:
    """indptr, indices, counts; every fifth document is empty."""
    lengths = torch.randint(1, 40, (n_documents,))
    lengths[::5] = 0
    indptr = torch.cat((torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)))
    n = int(indptr[-1])
    return indptr, torch.randint(n_words, (n,), dtype=torch.int32), torch.rand(n) + 0.5


def calls(dtype: torch.dtype, topics: int) -> dict[str, Callable[[], Any]]:
    """Every op by its name, called with inputs that require gradients."""
    csr, seed = batch(DOCUMENTS, WORDS), torch.tensor(7)

    def leaf(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=dtype).requires_grad_()

    def positive(*shape: int) -> Tensor:
        return (torch.rand(shape, dtype=dtype) * 3 + 0.05).requires_grad_()

    rows = torch.randperm(DOCUMENTS)[:11]
    theta = torch.rand(DOCUMENTS, topics, dtype=dtype).softmax(1).requires_grad_()
    alpha = positive(DOCUMENTS, topics)
    prior = positive(topics).detach()
    vectors = [leaf(WORDS) for _ in range(3)]
    return {
        "bow_linear": lambda: ops.bow_linear(leaf(WORDS, FEATURES), *csr),
        "bow_mixture_log_likelihood": lambda: ops.bow_mixture_log_likelihood(
            theta, leaf(WORDS, topics), *csr
        ),
        "bow_mixture_proportions": lambda: ops.bow_mixture_proportions(
            theta.detach(), leaf(WORDS, topics).detach().softmax(0), prior, *csr, steps=3
        ),
        "bow_product_log_likelihood": lambda: (
            ops.bow_product_log_likelihood(
                theta, leaf(WORDS, topics), None, *csr, batch_norm=True, shift=vectors[0]
            )[0]
            + ops.bow_product_log_likelihood(theta, leaf(WORDS, topics), vectors[1], *csr)[0]
        ),
        "bow_rows": lambda: (
            ops.bow_rows(rows, *csr),
            ops.bow_rows(rows, *csr, len(csr[1]) * 2),
        )[1][2],
        "dense_layer": lambda: (
            ops.dense_layer(
                leaf(DOCUMENTS, FEATURES), leaf(topics, FEATURES), leaf(topics), "softplus"
            )[0]
            + ops.dense_layer(
                leaf(DOCUMENTS, FEATURES),
                leaf(topics, FEATURES),
                None,
                "relu",
                batch_norm=True,
                shift=leaf(topics),
            )[0]
        ),
        "dropout": lambda: ops.dropout(leaf(DOCUMENTS, FEATURES), 0.3, seed, 1),
        "gamma_implicit_gradient": lambda: ops.gamma_implicit_gradient(
            alpha.detach(), ops.log_gamma_rsample(alpha.detach(), seed)
        ),
        "kl_dirichlet": lambda: ops.kl_dirichlet(alpha, positive(topics)),
        "kl_gamma": lambda: ops.kl_gamma(
            alpha, positive(DOCUMENTS, topics), positive(topics), positive(topics)
        ),
        "kl_normal": lambda: ops.kl_normal(
            leaf(DOCUMENTS, topics), leaf(DOCUMENTS, topics), leaf(topics), leaf(topics)
        ),
        "kl_weibull_gamma": lambda: ops.kl_weibull_gamma(
            alpha, positive(DOCUMENTS, topics), positive(topics), positive(topics)
        ),
        "log_dirichlet_inverse_cdf": lambda: ops.log_dirichlet_inverse_cdf(alpha, seed),
        "log_dirichlet_rao_blackwell": lambda: ops.log_dirichlet_rao_blackwell(alpha, seed),
        "log_dirichlet_rsample": lambda: ops.log_dirichlet_rsample(alpha, seed),
        "log_dirichlet_rsvi": lambda: ops.log_dirichlet_rsvi(alpha, seed, 3),
        "log_gamma_rsample": lambda: ops.log_gamma_rsample(alpha, seed),
        "log_weibull_rsample": lambda: ops.log_weibull_rsample(alpha, 2.0, seed),
        "logistic_normal_rsample": lambda: ops.logistic_normal_rsample(
            leaf(DOCUMENTS, topics), leaf(DOCUMENTS, topics), seed
        ),
        "topic_overlap": lambda: ops.topic_overlap(leaf(WORDS, topics)),
    }


def cases() -> Iterator[tuple[str, Callable[[], Any], str, bool]]:
    """Name, call, float32 precision, and whether "high" is tf32.

    The product comes at each precision, and for two numbers of topics.
    """
    for dtype in (torch.float32, torch.float64):
        for name, call in calls(dtype, TOPICS).items():
            yield name, call, "highest", False
    for topics in (TOPICS, 130):
        for precision, tf32 in (("high", False), ("high", True), ("medium", False)):
            name = "bow_product_log_likelihood"
            yield name, calls(torch.float32, topics)[name], precision, tf32


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = parser.parse_args(arguments).device
    torch.manual_seed(0)
    bad = []
    with torch.device(device):
        for name, call, precision, tf32 in cases():
            torch.set_float32_matmul_precision(precision)
            os.environ["NTM_FAST_TF32"] = str(int(tf32))
            output = call()
            if output.requires_grad:
                output.sum().backward()
            if not output.isfinite().all():
                bad.append(name)
        torch.set_float32_matmul_precision("highest")
        del os.environ["NTM_FAST_TF32"]
    if device == "cuda":
        torch.cuda.synchronize()
        ops.raise_device_errors()
    print(f"every op on {device}: {f'not finite: {bad}' if bad else 'finite'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
