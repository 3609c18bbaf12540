"""The Dirichlet posterior with gradient estimators other than the implicit one."""

from __future__ import annotations

import torch
from torch import Tensor

from ntm_fast.models.backend import Ops
from ntm_fast.models.posteriors.dirichlet import Dirichlet
from ntm_fast.models.posteriors.posterior import Draw, Parameters, register
from ntm_fast.settings import ModelSettings


@register("dirichlet-rao-blackwell")
class DirichletRaoBlackwell(Dirichlet):
    """The same draws; the gradient is averaged over the gammas' sum, which lowers its variance.

    Source: see :func:`ntm_fast.ops.log_dirichlet_rao_blackwell`.
    """

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        return self.ops.log_dirichlet_rao_blackwell(parameters[0], seed).exp()


@register("dirichlet-inverse-cdf")
class DirichletInverseCDF(Dirichlet):
    """Nearly Dirichlet draws by an approximate inverse CDF of the gammas: cheap, and biased.

    In evaluation the draws are exact; otherwise the ELBO would not be a lower bound.

    Source: Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", 2019.
    """

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        if not self.training:
            return super().sample(parameters, seed)
        return self.ops.log_dirichlet_inverse_cdf(parameters[0], seed).exp()


@register("dirichlet-rsvi")
class DirichletRSVI(Dirichlet):
    """Gradients through Marsaglia and Tsang's rejection sampler, at shapes raised by `rsvi_boost`.

    With `rsvi_correction` the term that the distribution of accepted proposals adds to the
    gradient is estimated too. The gradient is then unbiased, but its variance grows as
    `rsvi_boost` gets smaller.

    Source: Naesseth, Ruiz, Linderman & Blei, "Reparameterization Gradients through
    Acceptance-Rejection Sampling Algorithms", 2017; Burkhardt & Kramer, "Decoupling Sparsity and
    Smoothness in the Dirichlet Variational Autoencoder Topic Model", 2019.
    """

    uses: tuple[str, ...] = (*Dirichlet.uses, "rsvi_boost", "rsvi_correction")

    def __init__(self, n_hidden: int, settings: ModelSettings, ops: Ops) -> None:
        super().__init__(n_hidden, settings, ops)
        self.boost, self.correction = settings.rsvi_boost, settings.rsvi_correction

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        return self.ops.log_dirichlet_rsvi(parameters[0], seed, self.boost).exp()

    def draw(self, parameters: Parameters, seed: Tensor) -> Draw:
        theta = self.sample(parameters, seed)
        if not self.correction or not torch.is_grad_enabled():
            return Draw(theta)
        return Draw(theta, rsvi_log_weight(parameters[0], seed, self.boost, self.ops))


def rsvi_log_weight(alpha: Tensor, seed: Tensor, boost: int, ops: Ops) -> Tensor:
    """Σ_k log q(h(ε_k, a_k); a_k) + log ∂h(ε_k, a_k)/∂ε [B], a = α + boost, ε held fixed.

    The density of ε at the draws of ``ops.log_dirichlet_rsvi(alpha, seed, boost)``, up to a term
    that does not depend on alpha.

    Source: Naesseth et al., 2017, equation 9.
    """
    a = alpha + boost
    log_g = ops.log_gamma_rsample(a.detach(), seed)  # the first of the sampler's gammas
    d = a - 1 / 3
    fixed = d.detach()
    y = ((log_g - fixed.log()) / 3).expm1() * (fixed / d).sqrt()  # ε / √(9a − 3)
    log_h = d.log() + 3 * y.log1p()
    log_density = (a - 1) * log_h - log_h.exp() - a.lgamma()
    log_slope = 0.5 * d.log() + 2 * y.log1p()
    return (log_density + log_slope).sum(-1)


@register("score-function")
class ScoreFunction(Dirichlet):
    """Dirichlet draws with the score function's gradient, (f − b) ∇ log q(θ): REINFORCE.

    It does not differentiate through the sampler, and has a hundred times the variance of the
    estimators that do: for comparison only.

    Source: Williams, "Simple Statistical Gradient-Following Algorithms", 1992; Mnih & Gregor,
    "Neural Variational Inference and Learning in Belief Networks", 2014 (the baseline).
    """

    def sample(self, parameters: Parameters, seed: Tensor) -> Tensor:
        return self.ops.log_dirichlet_rsample(parameters[0].detach(), seed).exp()

    def draw(self, parameters: Parameters, seed: Tensor) -> Draw:
        alpha = parameters[0]
        log_theta = self.ops.log_dirichlet_rsample(alpha.detach(), seed)
        log_norm = alpha.sum(1).lgamma() - alpha.lgamma().sum(1)
        return Draw(log_theta.exp(), log_norm + (alpha * log_theta).sum(1))
