"""The lines of plain PyTorch that docstrings of ops name compute what the ops do."""

import inspect
import re

import pytest
import torch
import torch.nn.functional as F
from torch import distributions

from ntm_fast import ops
from tests.ops.every_op import Draw, case


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        "bow_linear",
        "bow_mixture_log_likelihood",
        "bow_mixture_proportions",
        "bow_product_log_likelihood, biased",
        "dense_layer, everything",
        "gamma_implicit_gradient",
        "kl_dirichlet",
        "kl_gamma",
        "topic_overlap",
    ],
)
def test_the_line_computes_what_the_op_does(name: str) -> None:
    draw = Draw(gradients=False)
    given = case(name, draw)
    ours = given.function()(*given.values)
    ours = ours[0] if isinstance(ours, tuple) else ours

    sizes = {"B": draw.documents, "K": draw.topics, "V": draw.words}
    names = {**given.arguments, **sizes, "torch": torch, "F": F, **vars(distributions)}
    if "log_x" in names:
        names["x"] = names["log_x"].exp()
    if "indptr" in names:
        csr = (names[n] for n in ("indptr", "indices", "counts"))
        names["X"] = torch.sparse_csr_tensor(*csr, size=(draw.documents, draw.words)).to_dense()
    doc = inspect.getdoc(getattr(ops, given.op)) or ""
    after = re.split(r"plain\s+PyTorch", doc, flags=re.I)[1]
    if after.lstrip().startswith("::"):  # several lines, the last of which is the value
        block = re.findall(r"^    (.+)$", after.split("\n\n")[1], flags=re.M)
        exec("\n".join(block[:-1]), names)
        line = block[-1]
    else:
        line = re.search(r"``(.+?)``", after, flags=re.S)[1]  # type: ignore[index]
    torch.testing.assert_close(ours, eval(line, names), rtol=1e-3, atol=1e-5)
