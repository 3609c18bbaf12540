"""Approximate posteriors q(θ | x), chosen by name."""

from ntm_fast.models.posteriors.dirichlet import Dirichlet as Dirichlet
from ntm_fast.models.posteriors.dirichlet_schemes import DirichletInverseCDF as DirichletInverseCDF
from ntm_fast.models.posteriors.dirichlet_schemes import (
    DirichletRaoBlackwell as DirichletRaoBlackwell,
)
from ntm_fast.models.posteriors.dirichlet_schemes import DirichletRSVI as DirichletRSVI
from ntm_fast.models.posteriors.dirichlet_schemes import ScoreFunction as ScoreFunction
from ntm_fast.models.posteriors.gaussian import Gaussian as Gaussian
from ntm_fast.models.posteriors.gaussian import GaussianSoftmax as GaussianSoftmax
from ntm_fast.models.posteriors.logistic_normal import LogisticNormal as LogisticNormal
from ntm_fast.models.posteriors.posterior import POSTERIORS as POSTERIORS
from ntm_fast.models.posteriors.posterior import Draw as Draw
from ntm_fast.models.posteriors.posterior import Posterior as Posterior
from ntm_fast.models.posteriors.posterior import register as register
from ntm_fast.models.posteriors.weibull import Weibull as Weibull
