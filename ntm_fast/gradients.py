"""The old place of :mod:`ntm_fast.studies.gradients`."""

import sys
import warnings

from ntm_fast.studies import gradients

warnings.warn(
    "ntm_fast.gradients is now ntm_fast.studies.gradients", DeprecationWarning, stacklevel=2
)
sys.modules[__name__] = gradients
