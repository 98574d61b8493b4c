"""What mixed precision takes, under the names that Keras has had for it: policies and the scaling of losses."""

from hornbeam._dtype_policy import DTypePolicy, dtype_policy, set_dtype_policy
from hornbeam.optimizers import LossScaleOptimizer

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
