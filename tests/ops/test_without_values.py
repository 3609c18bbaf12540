"""Every op says what it would return where tensors have no values: on meta and fake tensors."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from ntm_fast import ops
from tests.ops.every_op import CASES, case


def form(result: Any) -> Any:
    """Shapes and dtypes."""
    return tree_map_only(Tensor, lambda t: (t.shape, t.dtype, t.requires_grad), result)


# The number of nonzeros that bow_rows gathers depends on values, unless it is given.
@pytest.mark.parametrize("name", [name for name in CASES if name != "bow_rows, size unknown"])
def test_meta_and_fake_tensors(name: str) -> None:
    given = case(name)
    op: Callable[..., Any] = getattr(ops, given.op)

    def unreal(cast: Callable[[Tensor], Tensor]) -> Any:
        return form(op(**tree_map_only(Tensor, cast, given.arguments)))

    found = form(op(**given.arguments))
    on_meta = unreal(lambda t: t.detach().to("meta").requires_grad_(t.requires_grad))
    with FakeTensorMode() as mode:
        assert unreal(mode.from_tensor) == on_meta == found
