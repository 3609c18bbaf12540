"""Logistic-normal draws, in plain PyTorch."""

from torch import Tensor

from ntm_fast.reference._philox import normals


def logistic_normal_rsample(mean: Tensor, log_variance: Tensor, seed: Tensor) -> Tensor:
    """See :func:`ntm_fast.ops.logistic_normal_rsample`; the same draws."""
    if log_variance.shape != mean.shape:
        raise ValueError(
            f"logistic_normal_rsample: log_variance has shape {list(log_variance.shape)},"
            f" expected that of mean, {list(mean.shape)}"
        )
    return (mean + (0.5 * log_variance).exp() * normals(seed, mean)).softmax(-1)
