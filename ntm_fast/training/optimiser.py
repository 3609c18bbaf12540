"""Adam, all parameters in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ntm_fast.models import checks
from ntm_fast.ops.adam import adam
from ntm_fast.training.settings import TrainingSettings

DTYPES = (torch.float32, torch.float64)


class Adam(torch.optim.Optimizer):
    """:class:`torch.optim.Adam` on the CPU, equal to it up to rounding and quicker.

    A step is one call of C++ over all parameters of a group: no Python or thread is woken per
    tensor, small models stay on the calling thread, and the same gradients give the same bits for
    any number of threads. State and `state_dict` are those of torch.optim.Adam; learning-rate
    schedulers work.

    Parameters
    ----------
    params : contiguous float32 or float64 parameters on the CPU, or parameter groups
    lr, betas, eps, weight_decay : as in torch.optim.Adam; weight_decay is an L2 penalty

    Raises
    ------
    ValueError
        If a parameter or a number is none of these.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            checks.number(name, value, 0)
        checks.sequence("betas", betas, lambda n, v: checks.number(n, v, 0, 1, open_ends="high"))
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """See :meth:`torch.optim.Optimizer.add_param_group`; checks the parameters."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if parameter.device.type != "cpu" or parameter.dtype not in DTYPES:
                raise ValueError(
                    f"params has a parameter of {parameter.dtype} on {parameter.device};"
                    " expected float32 or float64 on the CPU"
                )
            if not parameter.is_contiguous():
                raise ValueError(
                    f"params has a parameter of strides {parameter.stride()}; expected contiguous"
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what `closure`, if given, returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step(group)
        return loss

    def _step(self, group: dict[str, Any]) -> None:
        parameters: list[Tensor] = []
        gradients: list[Tensor] = []
        averages: list[Tensor] = []
        squares: list[Tensor] = []
        constants: list[tuple[float, float]] = []
        beta1, beta2 = group["betas"]
        last = -1
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self.state[parameter]
            if not state:
                state["step"] = 0
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            state["step"] += 1
            if state["step"] != last:
                last = state["step"]
                corrected = step_constants(float(group["lr"]), beta1, beta2, last)
            parameters.append(parameter)
            gradients.append(gradient)
            averages.append(state["exp_avg"])
            squares.append(state["exp_avg_sq"])
            constants.append(corrected)
        if parameters:
            sizes, scales = zip(*constants, strict=True)
            rates = beta1, beta2, group["eps"], group["weight_decay"]
            adam(parameters, gradients, averages, squares, sizes, scales, *rates)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for values in self.state.values():
            values["step"] = int(values["step"])  # torch's is a tensor


def step_constants(lr: float, beta1: float, beta2: float, step: int) -> tuple[float, float]:
    """What the bias corrections make of step `step`, from 1: step_size and root_scale of `adam`."""
    return lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)


def optimiser_for(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam with the settings' rates: ours on the CPU, torch's fused one elsewhere."""
    options: dict[str, Any] = {
        "lr": settings.learning_rate,
        "betas": settings.betas,
        "weight_decay": settings.weight_decay,
    }
    if all(p.device.type == "cpu" and p.dtype in DTYPES for p in model.parameters()):
        return Adam(model.parameters(), **options)
    return torch.optim.Adam(model.parameters(), fused=True, **options)
