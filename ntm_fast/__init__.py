"""Fast training of VAE topic models: C++/CUDA kernels for PyTorch and trainers on top."""

from ntm_fast._build_info import build_info

__version__ = "0.1.0"

__all__ = ["__version__", "build_info"]
