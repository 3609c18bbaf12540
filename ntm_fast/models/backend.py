"""Which functions do the work: the compiled ops or the reference, each a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn


class Ops(Protocol):
    """What models need of :mod:`ntm_fast.ops` or :mod:`ntm_fast.reference`."""

    __name__: str

    # Their parameters are those of ntm_fast.ops, whose test holds the reference to the same.
    bow_linear: Callable[..., Tensor]
    bow_mixture_log_likelihood: Callable[..., Tensor]
    bow_mixture_proportions: Callable[..., Tensor]
    bow_product_log_likelihood: Callable[..., tuple[Tensor, Tensor, Tensor]]
    bow_rows: Callable[..., tuple[Tensor, Tensor, Tensor]]
    dense_layer: Callable[..., tuple[Tensor, Tensor, Tensor]]
    dropout: Callable[..., Tensor]
    kl_dirichlet: Callable[..., Tensor]
    kl_normal: Callable[..., Tensor]
    kl_weibull_gamma: Callable[..., Tensor]
    log_dirichlet_inverse_cdf: Callable[..., Tensor]
    log_dirichlet_rao_blackwell: Callable[..., Tensor]
    log_dirichlet_rsample: Callable[..., Tensor]
    log_dirichlet_rsvi: Callable[..., Tensor]
    log_gamma_rsample: Callable[..., Tensor]
    log_weibull_rsample: Callable[..., Tensor]
    logistic_normal_rsample: Callable[..., Tensor]
    topic_overlap: Callable[..., Tensor]


def resolve(ops: Any) -> Ops:
    """The backend itself, :mod:`ntm_fast.ops` for None (imported only now: it may be absent)."""
    return cast(Ops, importlib.import_module("ntm_fast.ops") if ops is None else ops)


def choose_device(device: str | torch.device) -> torch.device:
    """The device of a name; "auto" is a GPU where there is one that the ops have kernels for."""
    has_kernels = torch.cuda.is_available() and all(
        torch._C._dispatch_has_kernel_for_dispatch_key(f"ntm_fast::{op}", "CUDA")
        for op in _dispatched()
    )
    if device == "auto":
        return torch.device("cuda" if has_kernels else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        chosen = torch.device("meta")
    if chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {device!r}; expected 'auto', 'cpu' or 'cuda'")
    if chosen.type == "cuda" and not has_kernels:
        why = "the ops were built without CUDA" if torch.cuda.is_available() else "no GPU is found"
        raise ValueError(f"device is {device!r}, but {why}; expected 'cpu' or 'auto'")
    return chosen


def device_name(device: torch.device) -> str:
    """Such as "cpu" or "cuda:0 (NVIDIA H100 80GB HBM3)"."""
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"


def _dispatched() -> list[str]:
    """Ops of the models that the extension has registered."""
    names = (name for name in Ops.__annotations__ if not name.startswith("_"))
    return [name for name in names if hasattr(torch.ops.ntm_fast, name)]


class OpsModule(nn.Module):
    """A torch module that computes with a backend; copies and pickles hold the backend's name."""

    ops: Ops

    def __init__(self, ops: Ops) -> None:
        super().__init__()
        self.ops = ops

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "ops": self.ops.__name__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        restored = {**state, "ops": importlib.import_module(state["ops"])}
        super().__setstate__(restored)  # type: ignore[no-untyped-call]
