"""Logarithms of Dirichlet draws with the gradients of rejection sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.ops._checks import check_positive, check_rows
from ntm_fast.ops._registration import widen
from ntm_fast.ops.log_gamma_rsample import log_gamma_rsample


def log_dirichlet_rsvi(alpha: Tensor, seed: Tensor, boost: int = 10) -> Tensor:
    """log θ of draws θ ~ Dirichlet(alpha), differentiated through the rejection sampler.

    log θ = l − logsumexp(l), l = log h(ε, α + B) + Σ_{i<B} log(u_i) / (α + i), B = boost, with
    h(ε, a) = (a − ⅓)(1 + ε / √(9a − 3))³ Marsaglia and Tsang's proposal, the accepted ε and the
    uniforms u held fixed by the gradient. That leaves out how ε's law hangs on α: a bias that
    falls with B, as does the variance of the term that would correct it
    (:class:`ntm_fast.models.posteriors.DirichletRSVI` offers it).

    With d = α + B − ⅓ and g = h(ε, α + B), dl/dα = (1 − 1.5 (1 − (d / g)^⅓)) / d
    − Σ_{i<B} log(u_i) / (α + i)².

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32), positive
        and finite
    seed : Tensor [], int64
        One per call: draws from the same seed are the same.
    boost : int, at least 1

    Returns
    -------
    Tensor [..., K]
        Of alpha's dtype.

    Raises
    ------
    ValueError
        If an alpha is not positive and finite (NaN instead on CUDA), alpha is 0-dimensional or K
        is 0, boost is below 1, or seed is not a 0-dimensional int64 tensor.

    Source: Naesseth, Ruiz, Linderman & Blei, "Reparameterization Gradients through
    Acceptance-Rejection Sampling Algorithms", 2017, section 5.
    """
    check_rows("log_dirichlet_rsvi", "alpha", alpha)
    check_positive("log_dirichlet_rsvi", alpha=alpha)
    if boost < 1:
        raise ValueError(f"log_dirichlet_rsvi: boost is {boost}, expected >= 1")
    wide = widen(alpha)
    fixed = wide.detach()
    ones = torch.ones_like(fixed).expand(boost, *fixed.shape)
    noise = log_gamma_rsample(torch.cat(((fixed + boost)[None], ones)), seed)
    d = fixed + (boost - 1 / 3)
    steps = torch.arange(boost, device=fixed.device).view(-1, *(1,) * fixed.dim())
    terms = noise[1:].exp() / (fixed + steps)  # −log(u_i) / (α + i)
    log_gamma = noise[0] - terms.sum(0)
    slope = (1 + 1.5 * ((d.log() - noise[0]) / 3).expm1()) / d + (terms / (fixed + steps)).sum(0)
    log_gamma = log_gamma + slope * (wide - fixed)  # wide − fixed is 0
    return log_gamma.log_softmax(-1).to(alpha.dtype)
