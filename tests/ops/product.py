"""Problems that tests of bow_product_log_likelihood share."""

from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo.utils
from torch import Tensor

from tests.ops.strategies import CsrBatch

MODES = ["plain", "biased", "batch", "given"]


def problem(batch: CsrBatch, topics: int, mode: str, spread: float = 1.0) -> tuple[list[Any], dict]:
    """Tensors (hidden, weight, bias, scale, shift, mean, var), as many as used, and the rest."""
    documents, words = len(batch.indptr) - 1, batch.n_words

    def draw(*shape: int) -> Tensor:
        return (torch.randn(shape, dtype=torch.float64) * spread).requires_grad_()

    args: list[Any] = [draw(documents, topics), draw(words, topics)]
    if mode != "plain":
        args.append(draw(words))
    if mode in ("batch", "given"):
        args += [draw(words), draw(words)]
    if mode == "given":
        args += [draw(words).detach(), draw(words).detach().abs() + 0.3]
    return args, {"batch": batch, "mode": mode}


def call(backend: Any, batch: CsrBatch, mode: str) -> Callable[..., Any]:
    """The op as a function of the tensors of ``problem`` alone."""

    def function(hidden: Tensor, weight: Tensor, *others: Tensor) -> Any:
        bias, scale, shift, mean, var = (*others, *(None,) * (5 - len(others)))
        return backend.bow_product_log_likelihood(
            hidden,
            weight,
            bias,
            *batch[:3],
            batch_norm=mode in ("batch", "given"),
            mean=mean,
            var=var,
            scale=scale,
            shift=shift,
        )

    return function


def fixed_batch(documents: int = 5, words: int = 60, length: int = 7) -> CsrBatch:
    n = documents * length
    return CsrBatch(
        torch.arange(documents + 1) * length,
        torch.randint(words, (n,)),
        torch.randint(0, 4, (n,)).float(),
        words,
    )
