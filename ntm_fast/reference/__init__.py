"""The specification of every op: the same names and signatures, in plain PyTorch."""

from ntm_fast.reference.bow_linear import bow_linear
from ntm_fast.reference.bow_mixture_log_likelihood import bow_mixture_log_likelihood
from ntm_fast.reference.bow_product_log_likelihood import bow_product_log_likelihood
from ntm_fast.reference.kl_dirichlet import kl_dirichlet
from ntm_fast.reference.kl_gamma import kl_gamma
from ntm_fast.reference.kl_normal import kl_normal

__all__ = [
    "bow_linear",
    "bow_mixture_log_likelihood",
    "bow_product_log_likelihood",
    "kl_dirichlet",
    "kl_gamma",
    "kl_normal",
]
