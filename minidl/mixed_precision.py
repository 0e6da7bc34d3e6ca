"""Mixed precision: layers multiply in 16 bits and keep their weights in 32.

    minidl.mixed_precision.set_global_policy("mixed_bfloat16")

is all that it takes. With "mixed_float16", whose small numbers run out, `compile` also wraps the optimizer in a
`LossScaleOptimizer`. Give the last layer dtype="float32", so that the loss is computed exactly.
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
