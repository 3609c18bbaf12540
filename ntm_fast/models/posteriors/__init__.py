"""Approximate posteriors q(θ | x), chosen by name."""

from ntm_fast.models.posteriors.base import POSTERIORS as POSTERIORS
from ntm_fast.models.posteriors.base import Posterior as Posterior
from ntm_fast.models.posteriors.base import register as register
from ntm_fast.models.posteriors.dirichlet import Dirichlet as Dirichlet
from ntm_fast.models.posteriors.logistic_normal import LogisticNormal as LogisticNormal
