"""Bias and variance of the gradients that the posteriors' schemes give."""

from ntm_fast.gradients.schemes import SCHEMES as SCHEMES
from ntm_fast.gradients.schemes import Scheme as Scheme
from ntm_fast.gradients.study import Row as Row
from ntm_fast.gradients.study import Study as Study
from ntm_fast.gradients.study import example as example
from ntm_fast.gradients.study import mixture_objective as mixture_objective
from ntm_fast.gradients.study import study as study
