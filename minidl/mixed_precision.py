"""Mixed precision: layers compute in 16-bit floats and keep their weights in 32 bits.

    minidl.mixed_precision.set_global_policy("mixed_bfloat16")

is all that is needed. With "mixed_float16", where small gradients underflow, `compile` also wraps the optimizer in a
`LossScaleOptimizer`. Give the last layer dtype="float32", so that the loss is computed in full precision.
"""

from minidl.core.dtypes import DTypePolicy, dtype_policy, set_dtype_policy
from minidl.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
