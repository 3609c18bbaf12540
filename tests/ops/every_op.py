"""Every op with valid inputs: the one list that tests of all ops take theirs from.

    python -m tests.ops.every_op [--device cuda]

calls each op, forward and backward, on small odd shapes, for a sanitizer to look at (put
`compute-sanitizer --tool memcheck` before it). The exit code is 1 if a value is not finite.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ntm_fast import ops


class Case(NamedTuple):
    """An op and arguments for it, by their names."""

    op: str
    arguments: dict[str, Any]

    @property
    def values(self) -> list[Any]:
        """The arguments without their names."""
        return list(self.arguments.values())

    def function(self, backend: Any = ops) -> Callable[..., Any]:
        """The op, or another of its name, as a function of `values`."""
        names = list(self.arguments)
        op = getattr(backend, self.op)
        return lambda *values: op(**dict(zip(names, values, strict=True)))


@dataclass(frozen=True)
class Draw:
    """Draws inputs on the default device; those that have a gradient require one if asked.

    Shapes are no multiples of anything. Documents are of different lengths, every fifth is empty,
    and their words are unsorted and repeated.
    """

    documents: int = 7
    topics: int = 3
    words: int = 23
    features: int = 5
    length: int = 4  # nonzeros of a document on average
    dtype: torch.dtype = torch.float32
    spread: float = 1.0
    gradients: bool = True

    def real(self, *shape: int) -> Tensor:
        """Normal, of standard deviation `spread`."""
        return self._leaf(torch.randn(shape, dtype=self.dtype) * self.spread)

    def positive(self, *shape: int) -> Tensor:
        """Log-normal."""
        return self._leaf(self.real(*shape).detach().exp())

    def proportions(self, *shape: int) -> Tensor:
        """Rows that sum to 1."""
        return self._leaf(self.real(*shape).detach().softmax(-1))

    def _leaf(self, value: Tensor) -> Tensor:
        return value.requires_grad_(self.gradients)

    def bags(self) -> dict[str, Tensor]:
        """A batch of documents."""
        lengths = torch.randint(1, 2 * self.length, (self.documents,))
        lengths[::5] = 0
        n = int(lengths.sum())
        return {
            "indptr": torch.cat((torch.zeros(1, dtype=torch.int64), lengths.cumsum(0))),
            "indices": torch.randint(self.words, (n,), dtype=torch.int32),
            "counts": torch.rand(n, dtype=self.dtype) + 0.5,
        }

    def ordered(self) -> dict[str, Tensor]:
        """The same with the order of its nonzeros by word."""
        bags = self.bags()
        return {**bags, "order": bags["indices"].argsort(stable=True)}

    def alpha(self) -> Tensor:
        """Concentrations, one row a document."""
        return self.positive(self.documents, self.topics)

    def by_document(self) -> Tensor:
        """Real numbers [B, K]."""
        return self.real(self.documents, self.topics)

    def by_word(self) -> Tensor:
        """Real numbers [V, K]."""
        return self.real(self.words, self.topics)

    def statistics(self) -> dict[str, Tensor]:
        """Mean and variance of each word's logits, which have no gradient."""
        mean, var = self.real(self.words).detach(), self.real(self.words).detach().abs() + 0.3
        return {"mean": mean, "var": var}


def product(draw: Draw, bias: bool = False, batch_norm: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"hidden": draw.by_document(), "weight": draw.by_word()}
    found |= {"bias": draw.real(draw.words) if bias else None, **draw.bags()}
    if batch_norm:
        found |= {
            "batch_norm": True,
            "scale": draw.real(draw.words),
            "shift": draw.real(draw.words),
        }
    return found


def layer(draw: Draw) -> dict[str, Any]:
    shapes = (draw.documents, draw.features), (draw.topics, draw.features)
    return dict(zip(("x", "weight"), (draw.real(*shape) for shape in shapes), strict=True))


def rows(draw: Draw) -> dict[str, Any]:
    return {**draw.bags(), "rows": torch.randperm(draw.documents)[: draw.documents // 2]}


def seed() -> Tensor:
    return torch.tensor(7)


# An op's name, or that and how the op is called.
CASES: dict[str, Callable[[Draw], dict[str, Any]]] = {
    "bow_linear": lambda d: {"weight": d.real(d.words, d.features), **d.bags()},
    "bow_linear, everything": lambda d: {"weight": d.real(d.words, d.features), **d.ordered()},
    "bow_mixture_log_likelihood": lambda d: {
        "theta": d.proportions(d.documents, d.topics), "topic_logits": d.by_word(), **d.bags()
    },
    "bow_mixture_log_likelihood, everything": lambda d: {
        "theta": d.proportions(d.documents, d.topics), "topic_logits": d.by_word(), **d.ordered()
    },
    "bow_mixture_proportions": lambda d: {
        "theta": d.proportions(d.documents, d.topics).detach(),
        "topics": d.by_word().detach().softmax(0), "prior": d.positive(d.topics).detach(),
        **d.bags(), "steps": 3,
    },
    "bow_product_log_likelihood": product,
    "bow_product_log_likelihood, biased": lambda d: product(d, bias=True),
    "bow_product_log_likelihood, batch norm": lambda d: product(d, bias=True, batch_norm=True),
    "bow_product_log_likelihood, statistics given": lambda d: {
        **product(d, bias=True, batch_norm=True), **d.statistics()
    },
    "bow_product_log_likelihood, everything": lambda d: {
        **product(d, bias=True, batch_norm=True), **d.statistics(), "eps": 0.5, **d.ordered()
    },
    "bow_rows": lambda d: {**(r := rows(d)), "nonzeros": len(r["indices"]) + 3},
    "bow_rows, size unknown": rows,
    "dense_layer": lambda d: {
        **layer(d), "bias": d.real(d.topics), "activation": "softplus"
    },
    "dense_layer, batch norm": lambda d: {
        **layer(d), "bias": None, "activation": "relu", "batch_norm": True,
        "shift": d.real(d.topics),
    },
    "dense_layer, everything": lambda d: {
        **layer(d), "bias": d.real(d.topics), "activation": "softplus", "batch_norm": True,
        "shift": d.real(d.topics), "eps": 0.5,
    },
    "dropout": lambda d: {
        "x": d.real(d.documents, d.features), "p": 0.3, "seed": seed(), "stream": 1
    },
    "gamma_implicit_gradient": lambda d: {
        "alpha": (alpha := d.alpha().detach()), "log_x": ops.log_gamma_rsample(alpha, seed())
    },
    "kl_dirichlet": lambda d: {"alpha": d.alpha(), "prior": d.positive(d.topics)},
    "kl_gamma": lambda d: {
        "alpha": d.alpha(), "rate": d.alpha(), "prior_alpha": d.positive(d.topics),
        "prior_rate": d.positive(d.topics),
    },
    "kl_normal": lambda d: {
        "mean": d.by_document(), "log_variance": d.by_document(),
        "prior_mean": d.real(d.topics), "prior_log_variance": d.real(d.topics),
    },
    "kl_weibull_gamma": lambda d: {  # for shapes below 0.1, Γ(1 + 1/k) overflows
        "shape": d.alpha().detach().clamp_min(0.1).requires_grad_(d.gradients),
        "scale": d.alpha(), "prior_alpha": d.positive(d.topics),
        "prior_rate": d.positive(d.topics),
    },
    "log_dirichlet_inverse_cdf": lambda d: {"alpha": d.alpha(), "seed": seed()},
    "log_dirichlet_rao_blackwell": lambda d: {"alpha": d.alpha(), "seed": seed(), "draws": 2},
    "log_dirichlet_rsample": lambda d: {"alpha": d.alpha(), "seed": seed()},
    "log_dirichlet_rsvi": lambda d: {"alpha": d.alpha(), "seed": seed(), "boost": 3},
    "log_gamma_rsample": lambda d: {"alpha": d.alpha(), "seed": seed()},
    "log_weibull_rsample": lambda d: {"shape": d.alpha(), "scale": d.alpha(), "seed": seed()},
    "logistic_normal_rsample": lambda d: {
        "mean": d.by_document(), "log_variance": d.by_document(), "seed": seed()
    },
    "topic_overlap": lambda d: {"topic_logits": d.by_word()},
}  # fmt: skip
PRODUCTS = [  # the four ways in which the product is called
    name
    for name in CASES
    if name.startswith("bow_product_log_likelihood") and "everything" not in name
]
FULLEST = {name.split(",")[0]: name for name in CASES if "," not in name}
FULLEST |= {name.split(",")[0]: name for name in CASES if name.endswith(", everything")}


def case(name: str, draw: Draw | None = None) -> Case:
    """Inputs of one of CASES."""
    return Case(name.split(",")[0], CASES[name](draw or Draw()))


def call(case: Case) -> Tensor:
    """The op's first output, after its backward where it has one."""
    output = case.function()(*case.values)
    output = output[0] if isinstance(output, tuple) else output
    if output.requires_grad:
        output.sum().backward()
    return output.detach()


def runs() -> Iterator[tuple[str, Draw, str, bool]]:
    """Name, inputs, float32 precision, and whether "high" is tf32.

    The product comes at each precision, and for two numbers of topics.
    """
    for dtype in (torch.float32, torch.float64):
        for name in CASES:
            yield name, Draw(37, 21, 203, 29, 20, dtype), "highest", False
    for topics in (21, 130):
        for precision, tf32 in (("high", False), ("high", True), ("medium", False)):
            for name in PRODUCTS[1:3]:
                yield name, Draw(37, topics, 203, 29, 20), precision, tf32


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.ops.every_op", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = parser.parse_args(arguments).device
    torch.manual_seed(0)
    bad = []
    with torch.device(device):
        for name, draw, precision, tf32 in runs():
            torch.set_float32_matmul_precision(precision)
            os.environ["NTM_FAST_TF32"] = str(int(tf32))
            if not call(case(name, draw)).isfinite().all():
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
