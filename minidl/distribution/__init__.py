"""Distribution: one program on many devices and many processes, on `jax.sharding` and `jax.distributed`.

>>> import minidl as keras
>>> with keras.distribution.DataParallel().scope():
...     model = keras.Sequential([keras.layers.Dense(1)])
"""

from minidl.distribution.devices import DeviceMesh, get_device_count, list_devices
from minidl.distribution.layouts import LayoutMap, TensorLayout, distribute_tensor
from minidl.distribution.processes import initialize
from minidl.distribution.strategies import DataParallel, Distribution, ModelParallel, distribution, set_distribution

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
