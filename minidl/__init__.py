"""minidl: Keras's documented way of building, training and evaluating models, on JAX and optax.

>>> import minidl as keras
>>> model = keras.Sequential([keras.layers.Dense(10, activation="softmax", input_shape=(64,))])
>>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from minidl.core.collector import importing

with importing():
    from minidl import (
        absent,
        activations,
        backend,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        distribution,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        tree,
        utils,
    )
    from minidl._version import __version__, version
    from minidl.core import public
    from minidl.core.dtypes import DTypePolicy
    from minidl.core.symbolic import KerasTensor
    from minidl.core.variables import Variable, name_scope
    from minidl.initializers import Initializer
    from minidl.layers import Input, InputLayer, InputSpec, Layer
    from minidl.losses import Loss
    from minidl.metrics import Metric
    from minidl.models import Model, Sequential
    from minidl.optimizers import Optimizer
    from minidl.regularizers import Regularizer

# `import minidl as tf` leaves `tf.keras...` as it stands: minidl.keras is minidl itself.
if TYPE_CHECKING:
    from minidl import applications as applications
    from minidl import keras as keras
    from minidl import wrappers as wrappers
    from minidl.profiling import profile as profile
else:
    keras = sys.modules["minidl.keras"] = sys.modules[__name__]

_ON_DEMAND = ("applications", "wrappers")  # imported where they are used

if not TYPE_CHECKING:  # which report unknown names

    def __getattr__(name: str) -> Any:
        if name in _ON_DEMAND:
            module = importlib.import_module(f"minidl.{name}")
            for part in (module, *public.public_modules(module)):
                public.publish(part)
            return module
        if name == "profile":
            return importlib.import_module("minidl.profiling").profile
        raise AttributeError(absent.message(keras, name), name=name, obj=keras)


def __dir__() -> list[str]:
    return sorted({*__all__, *_ON_DEMAND})


__all__ = [
    "__version__",
    "DTypePolicy",
    "Initializer",
    "Input",
    "InputLayer",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "distribution",
    "dtype_policies",
    "initializers",
    "keras",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "profile",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "version",
]

for _module in public.public_modules(keras):
    absent.report_in(_module)
    public.publish(_module)
