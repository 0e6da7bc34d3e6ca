"""The names that configs may use: all of minidl's own classes and functions, by the module that Keras has them in.

This is the whole list. What is not in it comes from the caller, by `custom_objects` or registration, or not at all.
"""

from minidl import (
    activations,
    constraints,
    dtypes,
    initializers,
    layers,
    losses,
    metrics,
    names,
    optimizers,
    random,
    regularizers,
)
from minidl.optimizers import schedules, table

names.families.update(
    {
        "layers": layers.NAMES,  # models are among them
        "activations": activations.BY_NAME,
        "initializers": initializers.BY_NAME,
        "regularizers": regularizers.BY_NAME,
        "constraints": constraints.BY_NAME,
        "losses": losses.NAMES,
        "metrics": metrics.NAMES,
        "optimizers": table.NAMES | optimizers.HOLDERS,
        "optimizers.schedules": schedules.NAMES,
        "dtype_policies": {"DTypePolicy": dtypes.DTypePolicy},
        "random": {"SeedGenerator": random.SeedGenerator},
    }
)
