"""A value computed from a module's tensors, kept until one of them changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Kept:
    """One tensor that is expensive to compute, and the tensors it was computed from.

    It is recomputed after any change that torch counts: an optimiser's step, a write in place,
    loaded weights, another dtype or device. torch does not count writes through ``.data`` or
    through a numpy array that shares a parameter's memory; call ``train()`` or ``eval()`` of the
    model after them, which drops the value (`drop`). Copies and pickles do not contain it.
    """

    def __init__(self) -> None:
        self._made: tuple[list[tuple[Tensor, Tensor, int]], Tensor] | None = None

    def get(self, module: nn.Module, make: Callable[[], Tensor]) -> Tensor:
        """The value, computed by `make` unless it is there and the tensors have not changed.

        In training it is computed every time, because training writes to parameters in ways that
        torch does not count.
        """
        tensors = (*module.parameters(), *module.buffers())
        if module.training or any(t.is_inference() for t in tensors):  # these count no changes
            return make()
        made = self._made  # another thread may drop it meanwhile
        if made is None or not _same(made[0], tensors):
            made = self._made = None  # freed before another one as large is computed
            # The detached tensors keep the memory, so no other tensor can get its address.
            state = [(t, t.detach(), t._version) for t in tensors]
            made = self._made = (state, make())
        return made[1]

    def drop(self) -> None:
        """Forget the value."""
        self._made = None

    def __deepcopy__(self, memo: object) -> Kept:
        return Kept()

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()


def _same(state: list[tuple[Tensor, Tensor, int]], tensors: tuple[Tensor, ...]) -> bool:
    if len(state) != len(tensors):
        return False
    return all(
        was is now
        and version == now._version
        and alias.data_ptr() == now.data_ptr()
        and alias.shape == now.shape
        and alias.stride() == now.stride()
        and alias.dtype == now.dtype
        for (was, alias, version), now in zip(state, tensors, strict=True)
    )


def at_most_one(logits: Tensor, rows: int = 1 << 14) -> Tensor:
    """softmax over words of logits [V, K], each word's row divided by its largest element.

    Computed in float64, `rows` words at a time; the result is float32 unless logits are float64.
    After the division the probabilities of a rare word do not underflow. Results that depend only
    on their proportions (:func:`ntm_fast.ops.bow_mixture_proportions`) do not change.
    """
    parts = logits.split(rows)
    norms = torch.stack([part.double().logsumexp(0) for part in parts]).logsumexp(0)
    result = torch.empty_like(logits, dtype=torch.promote_types(logits.dtype, torch.float32))
    least = torch.finfo(torch.float64).min
    for part, to in zip(parts, result.split(rows), strict=True):
        logs = part.double() - norms
        to.copy_(logs.sub_(logs.amax(1, keepdim=True).clamp_min(least)).exp_())
    return result
