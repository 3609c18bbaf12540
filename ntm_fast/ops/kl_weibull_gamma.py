"""KL divergence of Weibull from Gamma distributions."""

from __future__ import annotations

from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._rows import divergence_of_rows

_divergence = divergence_of_rows("kl_weibull_gamma")


@with_clear_errors
def kl_weibull_gamma(
    shape: Tensor,
    scale: Tensor | float,
    prior_alpha: Tensor | float,
    prior_rate: Tensor | float,
) -> Tensor:
    """KL(Weibull(shape, scale) ‖ Gamma(prior_alpha, prior_rate)), summed over each row.

    Σ_k γ a / k − a log(λ b) + log k + b λ Γ(1 + 1/k) + log Γ(a) − γ − 1, with k, λ = shape, scale,
    a, b = prior_alpha, prior_rate and γ Euler's constant; in nats, computed in float64. For
    parameters from 1e-38 to 1e38 the error is at most 1e-10 of max(KL, 1), plus the effect of a
    relative change of the parameters by 2e-15; rows whose parts would cancel are computed by a
    slower method. The gradients to all four are in closed form, with an error of one rounding of
    their largest part. For small k, Γ(1 + 1/k) is huge: 4e6 at k = 0.1. In plain PyTorch there is
    no such divergence; it is the mean of
    ``Weibull(scale, shape).log_prob(x) − Gamma(a, b).log_prob(x)`` over draws x.

    Parameters
    ----------
    shape : Tensor [..., K], float32 or float64 (half types are computed in float32)
    scale, prior_alpha, prior_rate : Tensor broadcast against shape, such as [K], or a number

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If a parameter is not positive (or NaN), naming its place in the rows [R, K] (NaN instead
        on CUDA), if dtypes differ, or if shape is 0-dimensional. RuntimeError if the shapes do not
        broadcast.

    Source: Zhang, Chen, Guo & Zhou, "WHAI: Weibull Hybrid Autoencoding Inference for Deep Topic
    Modeling", 2018, equation 8.
    """
    return _divergence(shape, scale, prior_alpha, prior_rate)
