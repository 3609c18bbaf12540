"""KL divergence between diagonal Gaussians."""

from __future__ import annotations

from torch import Tensor

from ntm_fast.ops._checks import with_clear_errors
from ntm_fast.ops._rows import divergence_of_rows

_divergence = divergence_of_rows("kl_normal")


@with_clear_errors
def kl_normal(
    mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor
) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(prior_mean, exp(prior_log_variance))) of each row.

    ½ Σ_k [exp(λ_k − λ'_k) + (μ_k − μ'_k)² exp(−λ'_k) − 1 − (λ_k − λ'_k)], with λ the log variances
    and primes for the prior; in nats, with closed-form gradients to all four arguments. In plain
    PyTorch: ``kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(…)).sum(-1)``.

    Parameters
    ----------
    mean, log_variance : Tensor [..., K], float32 or float64 (half types are computed in float32)
    prior_mean, prior_log_variance : Tensor, broadcast against the posterior's, such as [K]

    Returns
    -------
    Tensor [...]

    Raises
    ------
    ValueError
        If dtypes differ. RuntimeError if the shapes do not broadcast.

    Source: Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return _divergence(mean, log_variance, prior_mean, prior_log_variance)
