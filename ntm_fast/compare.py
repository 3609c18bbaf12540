"""The old place of :mod:`ntm_fast.studies.compare`."""

import sys
import warnings

from ntm_fast.studies import compare

warnings.warn("ntm_fast.compare is now ntm_fast.studies.compare", DeprecationWarning, stacklevel=2)
sys.modules[__name__] = compare
