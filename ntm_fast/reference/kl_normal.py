"""KL divergence between diagonal Gaussians, in plain PyTorch."""

from torch import Tensor


def kl_normal(
    mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor
) -> Tensor:
    """See :func:`ntm_fast.ops.kl_normal`."""
    log_ratio = log_variance - prior_log_variance
    squared = (mean - prior_mean) ** 2 * (-prior_log_variance).exp()
    return 0.5 * (log_ratio.expm1() - log_ratio + squared).sum(-1)
