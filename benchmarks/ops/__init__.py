"""The table of the ops' benchmarks: each op with the module that measures it.

`benchmarks.ops.<module>.<op>(threads)` yields the op's rows as they come. `one_word` is
bow_product_log_likelihood as the last layer of a language model, `adam` and `metrics` are no ops
but are measured in the same way.
"""

TABLE = {
    "adam": "optimiser",
    "bow_linear": "bags",
    "bow_mixture_log_likelihood": "mixture",
    "bow_mixture_proportions": "mixture",
    "bow_product_log_likelihood": "product",
    "bow_rows": "bags",
    "dense_layer": "layers",
    "dropout": "layers",
    "gamma_implicit_gradient": "samplers",
    "kl_dirichlet": "kl",
    "kl_gamma": "kl",
    "kl_normal": "kl",
    "kl_weibull_gamma": "kl",
    "log_dirichlet_inverse_cdf": "samplers",
    "log_dirichlet_rao_blackwell": "samplers",
    "log_dirichlet_rsample": "samplers",
    "log_dirichlet_rsvi": "samplers",
    "log_gamma_rsample": "samplers",
    "log_weibull_rsample": "samplers",
    "logistic_normal_rsample": "samplers",
    "one_word": "product",
    "topic_overlap": "topics",
    "metrics": "topics",
}
