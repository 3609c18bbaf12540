"""KL divergence between Gamma distributions."""

from __future__ import annotations

from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._rows import divergence_of_rows

_divergence = divergence_of_rows("kl_gamma")


@with_clear_errors
def kl_gamma(
    alpha: Tensor, rate: Tensor | float, prior_alpha: Tensor | float, prior_rate: Tensor | float
) -> Tensor:
    """KL(Gamma(alpha, rate) ‖ Gamma(prior_alpha, prior_rate)), summed over each row.

    Σ_k (a_k − b_k) ψ(a_k) − log Γ(a_k) + log Γ(b_k) + b_k log(r_k / q_k) + a_k (q_k / r_k − 1),
    with a, r = alpha, rate and b, q = prior_alpha, prior_rate; in nats, computed in float64. For
    parameters from 1e-38 to 1e38 the error is at most 1e-10 of max(KL, 1), plus the effect of a
    relative change of the parameters by 2e-15; rows whose parts would cancel are computed by a
    slower method. The gradients to all four are in closed form, with an error of one rounding of
    their largest part. In plain PyTorch:
    ``kl_divergence(Gamma(alpha, rate), Gamma(prior_alpha, prior_rate)).sum(-1)``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32)
    rate, prior_alpha, prior_rate : Tensor broadcast against alpha, such as [K], or a number

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If a parameter is not positive (or NaN), naming its place in the rows [R, K], or if dtypes
        differ. RuntimeError if the shapes do not broadcast.

    Source: Penny, "KL-Divergences of Normal, Gamma, Dirichlet and Wishart densities", 2001.
    """
    return _divergence(alpha, rate, prior_alpha, prior_rate)
