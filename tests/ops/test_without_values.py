"""Every op says what it would return where tensors have no values: on meta and fake tensors."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from ntm_fast import ops
from scripts import every_op

# How many nonzeros bow_rows gathers hangs on values, unless they are given.
NAMES = sorted(set(every_op.calls(torch.float32, 3)) - {"bow_rows"})


def form(result: Any) -> Any:
    """Shapes and dtypes."""
    return tree_map_only(Tensor, lambda t: (t.shape, t.dtype, t.requires_grad), result)


@pytest.mark.parametrize("name", NAMES)
def test_meta_and_fake_tensors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def compared(*args: Any, **kwargs: Any) -> Any:
        op: Callable[..., Any] = getattr(ops, name)
        result = op(*args, **kwargs)

        def unreal(cast: Callable[[Tensor], Tensor]) -> Any:
            given = tree_map_only(Tensor, cast, (args, kwargs))
            return form(op(*given[0], **given[1]))

        on_meta = unreal(lambda t: t.detach().to("meta").requires_grad_(t.requires_grad))
        with FakeTensorMode() as mode:
            assert unreal(mode.from_tensor) == on_meta == form(result)
        called.append(name)
        return result

    others = {other: getattr(ops, other) for other in NAMES}
    monkeypatch.setattr(every_op, "ops", SimpleNamespace(**{**others, name: compared}))
    every_op.calls(torch.float32, 3)[name]()
    assert called
