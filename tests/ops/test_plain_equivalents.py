"""The lines of plain PyTorch that docstrings of ops name compute what the ops do."""

import inspect
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import distributions

from ntm_fast import ops

B, K, V = 7, 4, 30


def inputs() -> dict[str, Any]:
    """Arguments of all ops by their names, and what the lines call them."""
    torch.manual_seed(0)
    x = torch.poisson(torch.full((B, V), 0.3))
    x[:, -1] = 0  # a word of the vocabulary that no document has
    csr = x.to_sparse_csr()
    rows = {name: torch.rand(B, K) + 0.2 for name in ("alpha", "rate", "theta", "hidden", "x")}
    return {
        **{"indptr": csr.crow_indices(), "indices": csr.col_indices(), "counts": csr.values()},
        **rows,
        **{name: torch.rand(K) + 0.2 for name in ("prior", "prior_alpha", "prior_rate")},
        **{"weight": torch.randn(V, K), "topic_logits": torch.randn(V, K)},
        **{"topics": torch.randn(V, K).softmax(0), "steps": 5},
        **{"bias": torch.randn(V), "shift": torch.randn(V), "eps": 1e-3},
        **{"log_x": rows["x"].log(), "K": K, "B": B, "V": V, "X": x},
    }


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize(
    ("op", "options"),
    [
        ("bow_linear", {}),
        ("bow_mixture_log_likelihood", {}),
        ("bow_mixture_proportions", {}),
        ("bow_product_log_likelihood", {}),
        ("dense_layer", {"activation": "softplus", "batch_norm": True}),
        ("gamma_implicit_gradient", {}),
        ("kl_dirichlet", {}),
        ("kl_gamma", {}),
        ("topic_overlap", {}),
    ],
)
def test_the_line_computes_what_the_op_does(op: str, options: dict[str, Any]) -> None:
    function, values = getattr(ops, op), inputs()
    doc = inspect.getdoc(function) or ""
    after = re.split(r"plain\s+PyTorch", doc, flags=re.I)[1]
    required = inspect.signature(function).parameters
    given = {n: values[n] for n in required if n in values and n != "order"}
    if not options:
        given = {n: v for n, v in given.items() if n not in ("shift", "eps")}
    ours = function(**given, **options)
    ours = ours[0] if isinstance(ours, tuple) else ours

    names = {**values, "torch": torch, "F": F, **vars(distributions)}
    if after.lstrip().startswith("::"):  # several lines, the last of which is the value
        block = re.findall(r"^    (.+)$", after.split("\n\n")[1], flags=re.M)
        exec("\n".join(block[:-1]), names)
        line = block[-1]
    else:
        line = re.search(r"``(.+?)``", after, flags=re.S)[1]  # type: ignore[index]
    torch.testing.assert_close(ours, eval(line, names), rtol=1e-3, atol=1e-5)
