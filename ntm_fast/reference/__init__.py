"""The specification of every op: the same names and signatures, in plain PyTorch."""

from ntm_fast.reference.bow_linear import bow_linear
from ntm_fast.reference.bow_mixture_log_likelihood import bow_mixture_log_likelihood
from ntm_fast.reference.bow_mixture_proportions import bow_mixture_proportions
from ntm_fast.reference.bow_product_log_likelihood import bow_product_log_likelihood
from ntm_fast.reference.bow_rows import bow_rows
from ntm_fast.reference.dense_layer import dense_layer
from ntm_fast.reference.dropout import dropout
from ntm_fast.reference.gamma_implicit_gradient import gamma_implicit_gradient
from ntm_fast.reference.kl_dirichlet import kl_dirichlet
from ntm_fast.reference.kl_gamma import kl_gamma
from ntm_fast.reference.kl_normal import kl_normal
from ntm_fast.reference.kl_weibull_gamma import kl_weibull_gamma
from ntm_fast.reference.log_dirichlet_inverse_cdf import log_dirichlet_inverse_cdf
from ntm_fast.reference.log_dirichlet_rao_blackwell import log_dirichlet_rao_blackwell
from ntm_fast.reference.log_dirichlet_rsample import log_dirichlet_rsample
from ntm_fast.reference.log_dirichlet_rsvi import log_dirichlet_rsvi
from ntm_fast.reference.log_gamma_rsample import log_gamma_rsample
from ntm_fast.reference.log_weibull_rsample import log_weibull_rsample
from ntm_fast.reference.logistic_normal_rsample import logistic_normal_rsample
from ntm_fast.reference.topic_overlap import topic_overlap

__all__ = [
    "bow_linear",
    "bow_mixture_log_likelihood",
    "bow_mixture_proportions",
    "bow_product_log_likelihood",
    "bow_rows",
    "dense_layer",
    "dropout",
    "gamma_implicit_gradient",
    "kl_dirichlet",
    "kl_gamma",
    "kl_normal",
    "kl_weibull_gamma",
    "log_dirichlet_inverse_cdf",
    "log_dirichlet_rao_blackwell",
    "log_dirichlet_rsample",
    "log_dirichlet_rsvi",
    "log_gamma_rsample",
    "log_weibull_rsample",
    "logistic_normal_rsample",
    "topic_overlap",
]
