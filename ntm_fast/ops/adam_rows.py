"""Steps of Adam on some rows of a parameter, in place: what lets the other rows wait."""

from __future__ import annotations

import torch
from torch import Tensor

_op = torch.ops.ntm_fast.adam_rows.default


def adam_rows(
    parameter: Tensor,
    average: Tensor,
    square: Tensor,
    done: Tensor | None,
    rows: Tensor | None,
    gradient: Tensor | None,
    schedule: Tensor,
    steps: int,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """Bring rows of a parameter to the schedule's first `steps`, as `adam` would have.

    Row v has taken the first done[v] of them. The others are taken now: with a gradient of 0, but
    for the last step where `gradient` is given. In float32 the steps without a gradient cost as
    much as one, however many they are: what they take off is m Σ_j a_j / (b_j √v + eps), with a_j
    and b_j of the schedule, summed as a series about the mean of the b_j that is cut below 1e-6 of
    the sum. Where it does not converge so far (in the first steps of a run), and in float64, they
    are taken one by one, to the same bits as by `adam`. In place, hence not one of the public ops.

    Parameters
    ----------
    parameter, average, square : Tensor [V, H], float32 or float64, contiguous, on the CPU
    done : Tensor [V] int32, set to `steps` at the rows; None: all rows lack the last step alone
    rows : Tensor [U] int32 or int64, None for all; with a gradient each row occurs once, else any
        number of times
    gradient : Tensor [U, H] of the rows at the last step, or None
    schedule : Tensor [S, 2] float64, S >= steps; step_size and root_scale of each step, see `adam`
    steps, beta1, beta2, eps, weight_decay : see `adam`

    Raises
    ------
    ValueError
        If shapes, dtypes or numbers do not fit, a row is not in [0, V), or a row with a gradient
        occurs twice or has taken the last step already.
    """
    with torch._C._AutoDispatchBelowAutograd():
        _op(
            parameter,
            average,
            square,
            done,
            rows,
            gradient,
            schedule,
            steps,
            beta1,
            beta2,
            eps,
            weight_decay,
        )
    torch._C._increment_version((parameter,))
