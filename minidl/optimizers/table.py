"""The optimizers that have a name, and how configs are read.

Optimizers that wrap others (LossScaleOptimizer, MultiOptimizer) read the configs of these with `deserialize`.
"""

from __future__ import annotations

from typing import Any

from minidl.core import serialization
from minidl.core.typing import Config
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


def deserialize(config: Config | str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new optimizer from its config; pass your own classes and schedules in `custom_objects`."""
    return serialization.deserialize(config, NAMES, "optimizer", custom_objects)
