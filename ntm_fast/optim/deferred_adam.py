"""Adam: all parameters in one call, and rows without a gradient wait for their steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ntm_fast import checks
from ntm_fast.ops.adam import adam
from ntm_fast.ops.adam_rows import adam_rows

DTYPES = (torch.float32, torch.float64)
CAPACITY = 1024  # steps a row can wait for before all rows take theirs
Rates = tuple[float, float, float, float]  # beta1, beta2, eps, weight_decay


class Adam(torch.optim.Optimizer):
    """:class:`torch.optim.Adam` on the CPU, equal to it up to rounding, and faster.

    A step is one call of C++ over all parameters of a group: there is no Python work and no thread
    to wake for each tensor, small models stay on the calling thread, and the same gradients give
    the same bits for any number of threads. State and `state_dict` are those of torch.optim.Adam;
    learning-rate schedulers work.

    **Deferred rows.** A sparse gradient of a parameter [V, H] stands for zeros in the rows that it
    lacks. Adam moves such rows too, by their momentum, which makes a step as expensive as V is
    large. Here the moves are postponed: a row takes the steps that it missed when `catch_up` asks
    for it, or `flush` for all rows, and ends up with the same weights up to rounding
    (:func:`ntm_fast.ops.adam_rows`). A step then costs no more than the rows of its gradient.
    Between steps the other rows are out of date, so that

    - `catch_up(parameter, rows)` comes before a forward pass that reads some rows,
    - `flush()` comes before anything else reads the parameter; `state_dict` flushes by itself.

    With `lazy` such rows are not moved at all, as in :class:`torch.optim.SparseAdam`, which is
    another method.

    ::

        table = torch.nn.Embedding(1_000_000, 100, sparse=True)
        adam = Adam(table.parameters(), lr=1e-3)
        for words, targets in batches:
            adam.catch_up(table.weight, words.flatten())
            adam.zero_grad()
            loss(table(words), targets).backward()
            adam.step()
        adam.flush()

    Parameters
    ----------
    params : contiguous float32 or float64 parameters on the CPU, or parameter groups
    lr, betas, eps, weight_decay : as in torch.optim.Adam; weight_decay is an L2 penalty
    lazy : whether rows that a sparse gradient lacks stay as they are

    Raises
    ------
    ValueError
        If a parameter or a number is not as described.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lazy: bool = False,
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            checks.number(name, value, 0)
        checks.sequence("betas", betas, lambda n, v: checks.number(n, v, 0, 1, open_ends="high"))
        self.lazy = lazy
        self._waiting: dict[Tensor, _Waiting] = {}
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

    @torch.no_grad()
    def catch_up(self, parameter: Tensor, rows: Tensor | None = None) -> None:
        """Take the missed steps of some rows (int32 or int64, repeats allowed), or of all.

        Call it before the rows are read. Raises ValueError if a row is not in [0, V).
        """
        waiting = self._waiting.get(parameter)
        if waiting is not None and waiting.steps:
            waiting.replay(parameter, self.state[parameter], rows)

    def flush(self) -> None:
        """Take all missed steps of all parameters, before they are evaluated or saved."""
        for parameter in self._waiting:
            self.catch_up(parameter)

    def state_dict(self) -> dict[str, Any]:
        """That of torch.optim.Adam, after `flush`."""
        self.flush()
        return super().state_dict()

    def waiting_state(self) -> dict[int, dict[str, Any]]:
        """State by parameter without a flush, from which a run continues bit for bit.

        Parameters with rows out of date have "done" and "schedule" too: the steps that each row has
        taken, and the steps themselves. `load_waiting_state` reads it.
        """
        state = {index: dict(values) for index, values in super().state_dict()["state"].items()}
        for index, (parameter, _) in enumerate(self._parameters()):
            waiting = self._waiting.get(parameter)
            if waiting is not None and waiting.steps:
                state[index]["done"] = waiting.done
                state[index]["schedule"] = waiting.schedule[: waiting.steps]
        return state

    def load_waiting_state(self, state: dict[int, dict[str, Any]]) -> None:
        """Continue from what `waiting_state` returned.

        Raises ValueError, and changes nothing, for a state that it cannot have returned: the state
        may come from a file that anybody wrote.
        """
        check_state([parameter for parameter, _ in self._parameters()], state)
        own = {"done", "schedule"}
        bare = {i: {k: v for k, v in s.items() if k not in own} for i, s in state.items()}
        groups = super().state_dict()["param_groups"]
        self.load_state_dict({"state": bare, "param_groups": groups})
        for index, (parameter, group) in enumerate(self._parameters()):
            if "done" in state.get(index, {}):
                waiting = self._waiting[parameter] = _Waiting(parameter.shape[0], _rates(group))
                waiting.done.copy_(state[index]["done"])
                for step_size, root_scale in state[index]["schedule"].tolist():
                    waiting.add((step_size, root_scale))

    def _parameters(self) -> Iterator[tuple[Tensor, dict[str, Any]]]:
        """Each parameter and its group, in the order of `state_dict`."""
        return ((p, group) for group in self.param_groups for p in group["params"])

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        return {**super().__getstate__(), "lazy": self.lazy}

    def _step(self, group: dict[str, Any]) -> None:
        parameters: list[Tensor] = []
        gradients: list[Tensor] = []
        averages: list[Tensor] = []
        squares: list[Tensor] = []
        constants: list[tuple[float, float]] = []
        beta1, beta2 = group["betas"]
        rates = _rates(group)
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
            if gradient.is_sparse:
                self._sparse_step(parameter, gradient, state, corrected, rates)
                continue
            if parameter in self._waiting:
                self.catch_up(parameter)
            parameters.append(parameter)
            gradients.append(gradient)
            averages.append(state["exp_avg"])
            squares.append(state["exp_avg_sq"])
            constants.append(corrected)
        if parameters:
            sizes, scales = zip(*constants, strict=True)
            adam(parameters, gradients, averages, squares, sizes, scales, *rates)

    def _sparse_step(
        self,
        parameter: Tensor,
        gradient: Tensor,
        state: dict[str, Any],
        constants: tuple[float, float],
        rates: Rates,
    ) -> None:
        rows, values = _rows_once(gradient)
        if self.lazy:
            schedule = torch.tensor([constants], dtype=torch.float64, device="cpu")
            moments = state["exp_avg"], state["exp_avg_sq"]
            adam_rows(parameter, *moments, None, rows, values, schedule, 1, *rates)
            return
        waiting = self._waiting.get(parameter)
        if waiting is None or waiting.rates != rates or waiting.steps == CAPACITY:
            self.catch_up(parameter)
            waiting = self._waiting[parameter] = _Waiting(parameter.shape[0], rates)
        waiting.add(constants)
        waiting.replay(parameter, state, rows, values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._waiting = {}
        super().__setstate__(state)
        for values in self.state.values():
            values["step"] = int(values["step"])  # torch's is a tensor


class _Waiting:
    """Which steps the rows of one parameter have taken since all of them were up to date."""

    def __init__(self, n_rows: int, rates: Rates) -> None:
        self.rates, self.steps = rates, 0
        self.done = torch.zeros(n_rows, dtype=torch.int32, device="cpu")  # of the steps, by row
        self.schedule = torch.empty(CAPACITY, 2, dtype=torch.float64, device="cpu")
        self._schedule = self.schedule.numpy()  # the same memory, quicker to write to

    def add(self, constants: tuple[float, float]) -> None:
        self._schedule[self.steps] = constants
        self.steps += 1

    def replay(
        self,
        parameter: Tensor,
        state: dict[str, Any],
        rows: Tensor | None,
        gradient: Tensor | None = None,
    ) -> None:
        moments = state["exp_avg"], state["exp_avg_sq"]
        schedule = self.schedule, self.steps
        adam_rows(parameter, *moments, self.done, rows, gradient, *schedule, *self.rates)
        if rows is None:
            self.done.zero_()
            self.steps = 0


def _rows_once(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of a sparse gradient, each once, and their values."""
    rows = gradient._indices()[0]
    # Autograd forgets that a gradient is coalesced; checking is quicker than sorting again.
    if not gradient.is_coalesced() and not bool((rows[1:] > rows[:-1]).all()):
        gradient = gradient.coalesce()
        return gradient.indices()[0], gradient.values()
    return rows, gradient._values()


def _rates(group: dict[str, Any]) -> Rates:
    return (*group["betas"], group["eps"], group["weight_decay"])


def step_constants(lr: float, beta1: float, beta2: float, step: int) -> tuple[float, float]:
    """The bias-corrected step_size and root_scale of `adam` at step `step`, from 1."""
    return lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)


def check_state(parameters: Sequence[Tensor], state: Mapping[int, Mapping[str, Any]]) -> None:
    """Raise ValueError unless Adam, ours or torch's, can have this state for the parameters."""
    for index, values in state.items():
        if not 0 <= index < len(parameters):
            raise ValueError(
                f"the optimiser's state is of parameter {index}; expected one of {len(parameters)}"
            )
        parameter, where = parameters[index], f"optimiser.{index}"
        missing = {"step", "exp_avg", "exp_avg_sq"} - values.keys()
        unknown = values.keys() - {"step", "exp_avg", "exp_avg_sq", "done", "schedule"}
        if missing or unknown:
            verb = "lacks" if missing else "has"
            raise ValueError(f"{where} {verb} {min(missing or unknown)!r}")
        step = torch.as_tensor(values["step"])
        number = float(step) if step.numel() == 1 else math.nan
        if not (1 <= number < 2**53 and number.is_integer()):
            raise ValueError(
                f"{where}.step is {values['step']!r:.80}; expected a whole number >= 1"
            )
        for name in ("exp_avg", "exp_avg_sq"):
            _check_array(f"{where}.{name}", values[name], parameter.shape, parameter.dtype)
        if not bool(values["exp_avg"].isfinite().all()):
            raise ValueError(f"{where}.exp_avg holds a value that is not finite")
        if not bool((values["exp_avg_sq"] >= 0).all()):  # squares may overflow harmlessly
            raise ValueError(f"{where}.exp_avg_sq holds a value that is not >= 0")
        _check_waiting(where, values, parameter)


def _check_waiting(where: str, values: Mapping[str, Any], parameter: Tensor) -> None:
    """Raise ValueError unless rows of the parameter can have waited as the state says."""
    if ("done" in values) != ("schedule" in values):
        raise ValueError(f"{where} has one of 'done' and 'schedule'; expected both or neither")
    if "done" not in values:
        return
    done, schedule = values["done"], values["schedule"]
    if parameter.ndim != 2:
        raise ValueError(f"{where} has 'done', but its parameter no rows")
    _check_array(f"{where}.done", done, parameter.shape[:1], torch.int32)
    steps = schedule.shape[0] if isinstance(schedule, Tensor) and schedule.ndim else 0
    if not 1 <= steps <= CAPACITY:
        raise ValueError(f"{where}.schedule has {steps} steps; expected 1 to {CAPACITY}")
    _check_array(f"{where}.schedule", schedule, (steps, 2), torch.float64)
    if not bool(schedule.isfinite().all()):
        raise ValueError(f"{where}.schedule holds a value that is not finite")
    if done.numel() and not bool((done >= 0).all() & (done <= steps).all()):
        raise ValueError(
            f"{where}.done holds {int(done.min())} to {int(done.max())}; expected 0 to {steps}"
        )


def _check_array(name: str, value: Any, shape: Sequence[int], dtype: torch.dtype) -> None:
    if not isinstance(value, Tensor) or value.dtype != dtype or value.shape != torch.Size(shape):
        found = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise ValueError(f"{name} is {found:.80}; expected {dtype} {tuple(shape)}")
