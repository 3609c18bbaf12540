"""The module whose functions a model calls: the compiled ops, or the reference."""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn


class Ops(Protocol):
    """The functions of :mod:`ntm_fast.ops` or :mod:`ntm_fast.reference` that models call."""

    __name__: str

    def bow_linear(
        self,
        indptr: Tensor,
        indices: Tensor,
        counts: Tensor,
        weight: Tensor,
        sparse_grad: bool = False,
        order: Tensor | None = None,
    ) -> Tensor: ...

    def bow_mixture_log_likelihood(
        self,
        theta: Tensor,
        topic_logits: Tensor,
        indptr: Tensor,
        indices: Tensor,
        counts: Tensor,
        order: Tensor | None = None,
    ) -> Tensor: ...

    def bow_mixture_proportions(
        self,
        theta: Tensor,
        topics: Tensor,
        prior: Tensor,
        indptr: Tensor,
        indices: Tensor,
        counts: Tensor,
        steps: int = 20,
    ) -> Tensor: ...

    def bow_product_log_likelihood(
        self,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        indptr: Tensor,
        indices: Tensor,
        counts: Tensor,
        *,
        batch_norm: bool = False,
        mean: Tensor | None = None,
        var: Tensor | None = None,
        scale: Tensor | None = None,
        shift: Tensor | None = None,
        eps: float = 1e-3,
        order: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def bow_rows(
        self,
        indptr: Tensor,
        indices: Tensor,
        counts: Tensor,
        rows: Tensor,
        nonzeros: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def dense_layer(
        self,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        activation: str = "none",
        *,
        batch_norm: bool = False,
        shift: Tensor | None = None,
        eps: float = 1e-3,
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def dropout(self, x: Tensor, p: float, seed: Tensor, stream: int = 0) -> Tensor: ...

    def log_dirichlet_rsample(self, alpha: Tensor, seed: Tensor) -> Tensor: ...

    def log_dirichlet_rao_blackwell(
        self, alpha: Tensor, seed: Tensor, draws: int = 4
    ) -> Tensor: ...

    def log_dirichlet_rsvi(self, alpha: Tensor, seed: Tensor, boost: int = 10) -> Tensor: ...

    def log_dirichlet_inverse_cdf(self, alpha: Tensor, seed: Tensor) -> Tensor: ...

    def log_gamma_rsample(self, alpha: Tensor, seed: Tensor) -> Tensor: ...

    def log_weibull_rsample(self, shape: Tensor, scale: Tensor | float, seed: Tensor) -> Tensor: ...

    def kl_weibull_gamma(
        self,
        shape: Tensor,
        scale: Tensor | float,
        prior_alpha: Tensor | float,
        prior_rate: Tensor | float,
    ) -> Tensor: ...

    def logistic_normal_rsample(
        self, mean: Tensor, log_variance: Tensor, seed: Tensor
    ) -> Tensor: ...

    def kl_dirichlet(self, alpha: Tensor, prior: Tensor) -> Tensor: ...

    def kl_normal(
        self,
        mean: Tensor,
        log_variance: Tensor,
        prior_mean: Tensor,
        prior_log_variance: Tensor,
    ) -> Tensor: ...

    def topic_overlap(self, topic_logits: Tensor) -> Tensor: ...


def resolve(ops: Any) -> Ops:
    """The backend itself, :mod:`ntm_fast.ops` for None (imported only now: it may be absent)."""
    return cast(Ops, importlib.import_module("ntm_fast.ops") if ops is None else ops)


def choose_device(device: str | torch.device) -> torch.device:
    """The device of a name; "auto" is a GPU if there is one that the ops have kernels for."""
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
    names = (name for name in Ops.__annotations__ | Ops.__dict__ if not name.startswith("_"))
    return [name for name in names if hasattr(torch.ops.ntm_fast, name)]


class OpsModule(nn.Module):
    """A torch module that computes with a backend; copies and pickles store the backend's name."""

    ops: Ops

    def __init__(self, ops: Ops) -> None:
        super().__init__()
        self.ops = ops

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "ops": self.ops.__name__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        restored = {**state, "ops": importlib.import_module(state["ops"])}
        super().__setstate__(restored)  # type: ignore[no-untyped-call]
