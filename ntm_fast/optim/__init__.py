"""Optimisers for torch on the CPU: Adam whose rows without a gradient can wait for their steps."""

from ntm_fast.optim.deferred_adam import CAPACITY as CAPACITY
from ntm_fast.optim.deferred_adam import DTYPES as DTYPES
from ntm_fast.optim.deferred_adam import Adam as Adam
from ntm_fast.optim.deferred_adam import check_state as check_state
