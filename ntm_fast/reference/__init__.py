"""The specification of every op: the same names and signatures, in plain PyTorch."""

from ntm_fast.reference.kl_normal import kl_normal

__all__ = [
    "kl_normal",
]
