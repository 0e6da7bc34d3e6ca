"""The optimizers that have a name, and what a config or a name stands for.

Optimizers that hold others (LossScaleOptimizer, MultiOptimizer) look them up here; those two are known by the
functions of the package itself.
"""

from __future__ import annotations

from typing import Any

from minidl.core import serialization
from minidl.optimizers import schedules
from minidl.optimizers.adafactor import Adafactor
from minidl.optimizers.adagrad import Adadelta, Adagrad
from minidl.optimizers.adam import Adam, AdamW
from minidl.optimizers.adamax import Adamax
from minidl.optimizers.ftrl import Ftrl
from minidl.optimizers.lamb import Lamb
from minidl.optimizers.lion import Lion
from minidl.optimizers.muon import Muon
from minidl.optimizers.nadam import Nadam
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.schedule_free import ScheduleFreeAdamW
from minidl.optimizers.sgd import SGD

CLASSES: tuple[Any, ...] = (
    *(SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Adafactor),
    *(Ftrl, Lion, Lamb, Muon, ScheduleFreeAdamW),
)
NAMES: dict[str, Any] = {cls.__name__.lower(): cls for cls in CLASSES} | {cls.__name__: cls for cls in CLASSES}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer behind its JSON form; classes and schedules of your own come from `custom_objects`."""
    if isinstance(config, dict) and isinstance(config.get("config"), dict):
        arguments = dict(config["config"])
        if isinstance(arguments.get("learning_rate"), (dict, str)):
            arguments["learning_rate"] = schedules.deserialize(arguments["learning_rate"], custom_objects)
        config = {**config, "config": arguments}
    return serialization.deserialize(config, NAMES, "optimizer", custom_objects)
