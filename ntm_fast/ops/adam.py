"""One step of Adam on many parameters at once, in place: the kernel of the optimiser."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_op = torch.ops.ntm_fast.adam.default


def adam(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    averages: Sequence[Tensor],
    squares: Sequence[Tensor],
    step_sizes: Sequence[float],
    root_scales: Sequence[float],
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """Change parameters, averages m and squares v as a step of Adam does.

    g ← g + weight_decay · w, m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
    w ← w − step_size · m / (root_scale · √v + eps), with the bias corrections of step t in
    step_size = learning rate / (1 − β₁ᵗ) and root_scale = 1 / √(1 − β₂ᵗ), one of each for each
    parameter. The same bits for any number of threads. It works in place, so it is not one of the
    public ops; its tests compare it with :class:`torch.optim.Adam`.

    Parameters
    ----------
    parameters, gradients, averages, squares : lists of Tensors on the CPU, any shapes
        The four of one parameter have one shape and dtype, float32 or float64; all but the
        gradients are contiguous.

    Raises
    ------
    ValueError
        If shapes, dtypes or numbers do not fit.

    Source: Kingma & Ba, "Adam: A method for stochastic optimization", 2015, algorithm 1.
    """
    with torch._C._AutoDispatchBelowAutograd():
        _op(
            parameters,
            gradients,
            averages,
            squares,
            step_sizes,
            root_scales,
            beta1,
            beta2,
            eps,
            weight_decay,
        )
    torch._C._increment_version(parameters)  # graphs that saved the old values must fail
