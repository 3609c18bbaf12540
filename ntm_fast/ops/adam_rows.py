"""Adam's updates of some rows of a parameter, in place, so that the other rows can wait."""

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

    Row v has taken the first done[v] of them. The rest are taken now: with a gradient of 0, except
    for the last step if `gradient` is given. In float32 any number of steps without a gradient
    costs as much as one: together they subtract m Σ_j a_j / (b_j √v + eps), with a_j and b_j of the
    schedule, which is summed as a series about the mean of the b_j, up to 1e-6 of the sum. Where
    the series does not converge that far (in the first steps of a run), and in float64, the steps
    are taken one by one, with the same bits as `adam`. It works in place, so it is not one of the
    public ops.

    Parameters
    ----------
    parameter, average, square : Tensor [V, H], float32 or float64, contiguous, on the CPU
    done : Tensor [V] int32, set to `steps` at the rows; None: all rows lack only the last step
    rows : Tensor [U] int32 or int64, None for all; repeated rows are allowed without a gradient
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
