"""KL divergence between Dirichlet distributions."""

from __future__ import annotations

from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._rows import divergence_of_rows

_divergence = divergence_of_rows("kl_dirichlet")


@with_clear_errors
def kl_dirichlet(alpha: Tensor, prior: Tensor | float) -> Tensor:
    """KL(Dirichlet(alpha) ‖ Dirichlet(prior)) of each row.

    log Γ(a₀) − log Γ(b₀) − Σ_k [log Γ(a_k) − log Γ(b_k)] + Σ_k (a_k − b_k)(ψ(a_k) − ψ(a₀)), with
    a = alpha, b = prior and subscript 0 for their sums; in nats, computed in float64 as differences
    of log Γ and its tangents. For parameters from 1e-38 to 1e38 the error is at most
    1e-10 of max(KL, 1), plus the effect of a relative change of the parameters by 2e-15; rows whose
    differences would cancel are computed by a slower method. The gradients to both are in closed
    form, with an error of one rounding of their largest part. A single topic has a divergence of 0.
    In plain PyTorch: ``kl_divergence(Dirichlet(alpha), Dirichlet(prior))``.

    Parameters
    ----------
    alpha : Tensor [..., K], float32 or float64 (half types are computed in float32)
    prior : Tensor broadcast against alpha, such as [K], or a number for all topics

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If an alpha or prior is not positive (or NaN), naming its place in the rows [R, K], or if
        dtypes differ. RuntimeError if the shapes do not broadcast.

    Source: Penny, "KL-Divergences of Normal, Gamma, Dirichlet and Wishart densities", 2001.
    """
    return _divergence(alpha, prior)
