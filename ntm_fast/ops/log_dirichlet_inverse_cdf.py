"""Logarithms of approximate Dirichlet draws by inverse distribution functions."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.ops._checks import LARGEST_LOG, check_positive, check_rows, with_clear_errors
from ntm_fast.ops._registration import widen
from ntm_fast.ops.log_gamma_rsample import log_gamma_rsample


@with_clear_errors
def log_dirichlet_inverse_cdf(alpha: Tensor, seed: Tensor) -> Tensor:
    """log θ of nearly Dirichlet(alpha) draws: gammas by an approximate inverse of their CDF.

    log θ = l − logsumexp(l), l = (log u + log Γ(α + 1)) / α, from the first term of the CDF,
    P(α, x) ≈ x^α / Γ(α + 1), solved for x. It is exact as α → 0, with a larger error for larger α:
    E[g] / α is .56 as α → 0, .50 at 1 and .41 at 10. An error common to all topics cancels in θ.
    The gradient ψ(α + 1) / α − l / α has low variance, but is that of the approximation. In
    plain PyTorch: ``((u.log() + (alpha + 1).lgamma()) / alpha).log_softmax(-1)``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32), finite and
        at least 1.2e-37 (float64: 2.3e-307), so that l is finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.

    Returns
    -------
    Tensor [..., K]
        In alpha's dtype.

    Raises
    ------
    ValueError
        If an alpha is too small or not finite (NaN instead on CUDA), alpha is 0-dimensional or K
        is 0, or seed is not a 0-dimensional int64 tensor.

    Source: Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", 2019, section 3.2.
    """
    check_rows("log_dirichlet_inverse_cdf", "alpha", alpha)
    wide = widen(alpha)
    least = LARGEST_LOG / torch.finfo(wide.dtype).max
    check_positive("log_dirichlet_inverse_cdf", least, alpha=wide)
    log_u = -log_gamma_rsample(torch.ones_like(wide), seed).exp()
    log_gamma = (log_u + (wide + 1).lgamma()) / wide
    return log_gamma.log_softmax(-1).to(alpha.dtype)
