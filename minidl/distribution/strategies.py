"""Distributions: how weights and batches are split between devices, and which one is set."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from minidl.core import placement
from minidl.core.optional import needed
from minidl.core.tracebacks import warn
from minidl.core.variables import Variable
from minidl.distribution.devices import DeviceMesh, list_devices
from minidl.distribution.layouts import LayoutMap, TensorLayout

_LARGE = 4096  # numbers: splitting smaller weights saves no memory worth the message that gathers them


class Distribution:
    """The base of distributions.

    Args:
        device_mesh: the devices.
        batch_dim_name: the axis of the mesh along which batches are split.
        auto_shard_dataset: with several processes, whether each is given the whole data and takes its rows. Give False
            where the stream of each process has rows of its own: its batches are then parts of the batches of all.
    """

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        if not isinstance(device_mesh, DeviceMesh):
            raise ValueError(f"{type(self).__name__}: expected a DeviceMesh, got {device_mesh!r}.")
        if batch_dim_name is not None and batch_dim_name not in device_mesh.axis_names:
            raise ValueError(
                f"{type(self).__name__}: batch_dim_name={batch_dim_name!r} is not an axis of {device_mesh!r}."
            )
        self.device_mesh = device_mesh
        self.batch_dim_name = batch_dim_name or device_mesh.axis_names[0]
        self.auto_shard_dataset = auto_shard_dataset

    # What it says of arrays

    def get_data_layout(self, data_shape: Sequence[int]) -> TensorLayout:
        """The layout of a batch of this shape: split along its first axis."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """The layout of a variable."""
        sharding = self.sharding(variable, variable.shape)
        axes = [*sharding.spec, *[None] * (len(variable.shape) - len(sharding.spec))]
        return TensorLayout(axes, self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of the output of a layer, by its path with "/output"; None to leave it to XLA."""
        return None

    def sharding(self, variable: Variable, shape: tuple[int, ...]) -> NamedSharding:
        """The sharding of a variable of a shape: its own layout, or that of the weight that it follows.

        Raises:
            ValueError: the layout does not split the shape evenly.
        """
        if variable.layout is None and variable.follows is not None:
            leader = variable.follows
            return self.sharding(leader, shape) if leader.shape == shape else self.whole
        layout = variable.layout or self._layout_of(variable, shape)
        if layout is None:
            return self.whole
        layout.check_divides(shape, f"Variable {variable.path!r}")
        return layout.backend_layout

    @property
    def whole(self) -> NamedSharding:
        """The sharding of what is whole on each device."""
        return self._sharding(())

    def batch_sharding(self, size: int) -> NamedSharding:
        """The sharding of stacked batches (batches, rows, ...): whole on each device where they are indivisible."""
        return self._sharding((None, self.batch_dim_name) if size % self.num_model_replicas == 0 else ())

    def output_sharding(self, path: str, shape: tuple[int, ...]) -> NamedSharding | None:
        """The sharding of the output of a layer; a batch that is indivisible stays whole on each device.

        Raises:
            ValueError: the layout does not split another axis evenly.
        """
        layout = self.get_tensor_layout(path)
        if layout is None:
            return None
        if shape and shape[0] % self.num_model_replicas and self.batch_dim_name in layout.axes[:1]:
            layout = TensorLayout((None, *layout.axes[1:]), self.device_mesh)
        layout.check_divides(shape, f"The output {path!r}")
        return layout.backend_layout

    def gathered(self, variable: Variable) -> NamedSharding | None:
        """The sharding that a step gathers a variable to before it computes with it; None to compute with shards."""
        return None

    def check(self, model: Any) -> None:  # noqa: B027, most have nothing to check
        """Refuse a model that the distribution does not fit."""

    def _layout_of(self, variable: Variable, shape: tuple[int, ...]) -> TensorLayout | None:
        return None

    def _sharding(self, axes: Sequence[str | None]) -> NamedSharding:
        return NamedSharding(self.device_mesh.backend_mesh, PartitionSpec(*axes))

    # Processes

    @property
    def num_model_replicas(self) -> int:
        """How many parts a batch is split into."""
        return self.device_mesh.size(self.batch_dim_name)

    @property
    def num_processes(self) -> int:
        """How many processes compute together."""
        return jax.process_count()

    @property
    def data_shard_id(self) -> int:
        """The number of this process's share of the rows of a batch; the processes of one replica have the same."""
        return jax.process_index() * min(self.num_processes, self.num_model_replicas) // self.num_processes

    def distribute_dataset(self, dataset: Any) -> Any:
        """The share of this process of each batch of a `tf.data.Dataset`, for a training loop of your own.

        `fit`, `evaluate` and `predict` take the whole dataset, and the share of this process by themselves.

        Args:
            dataset: gives batches, of which each process has all rows.

        Returns:
            A `tf.data.Dataset`; the given one where there is one process, or with auto_shard_dataset=False.

        Raises:
            ValueError: several processes, and something else than a `tf.data.Dataset`.
        """
        shares = min(self.num_processes, self.num_model_replicas)
        if shares == 1 or not self.auto_shard_dataset:
            return dataset
        if not type(dataset).__module__.startswith("tensorflow."):
            raise ValueError(
                f"distribute_dataset: expected a tf.data.Dataset, got a {type(dataset).__name__}. Give it to fit, "
                "which takes the rows of this process from any data, or take them yourself: data_shard_id is the "
                f"number of this process's share, of {shares}."
            )
        tf = needed("tensorflow", "distribute_dataset", "tensorflow")
        share = self.data_shard_id

        def own(x: Any) -> Any:
            rows = tf.shape(x)[0]
            return x[rows * share // shares : rows * (share + 1) // shares]

        is_tuple = isinstance(dataset.element_spec, tuple)
        return dataset.map(lambda *batch: tf.nest.map_structure(own, batch if is_tuple else batch[0]))

    # Setting it

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Inside, this is the distribution that is set."""
        before = placement.current()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class DataParallel(Distribution):
    """Each device computes on its share of the rows of a batch, with the same weights.

    The batch size is that of all devices together. A batch that they do not divide, such as the last one of an epoch,
    is computed whole on each. Batch normalization uses the statistics of the whole batch.

    Args:
        device_mesh: a mesh of one axis; of several, the first splits the batches.
        devices: names of devices instead of a mesh; default: all.
        auto_shard_dataset: see `Distribution`.
        shard_weights: whether the devices share the memory of large weights and of the optimizer's state for them
            (FSDP, ZeRO stage 3): each keeps a part, and gathers the weight for each step.

    Raises:
        ValueError: both a mesh and devices, or an invalid mesh.

    Example:
    >>> import minidl as keras
    >>> with DataParallel(devices=["cpu:0"]).scope():
    ...     model = keras.Sequential([keras.layers.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     history = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Any = None,
        auto_shard_dataset: bool = True,
        shard_weights: bool = False,
    ):
        if device_mesh is not None and devices is not None:
            raise ValueError("DataParallel: give device_mesh or devices, not both.")
        if device_mesh is None:
            devices = np.array(list_devices() if devices is None else devices, dtype=object).ravel()
            device_mesh = DeviceMesh(devices.shape, ["batch"], devices)
        super().__init__(device_mesh, auto_shard_dataset=auto_shard_dataset)
        if len(device_mesh.shape) > 1:
            warn(
                f"DataParallel: expected a mesh of one axis, got {device_mesh!r}. Batches are split along its first "
                f"axis, {self.batch_dim_name!r}, and repeated along the others."
            )
        self.shard_weights = shard_weights

    def gathered(self, variable: Variable) -> NamedSharding | None:
        sharding = self.sharding(variable, variable.shape)
        return None if not self.shard_weights or sharding.is_fully_replicated else self.whole

    def _layout_of(self, variable: Variable, shape: tuple[int, ...]) -> TensorLayout | None:
        """The largest axis that the devices divide is split, if the weight is large."""
        count = self.num_model_replicas
        divisible = [axis for axis, size in enumerate(shape) if size % count == 0]
        if not self.shard_weights or np.prod(shape) < _LARGE or not divisible:
            return None
        largest = max(divisible, key=lambda axis: shape[axis])
        axes = [self.batch_dim_name if axis == largest else None for axis in range(len(shape))]
        return TensorLayout(axes, self.device_mesh)


class ModelParallel(Distribution):
    """Weights are split as a `LayoutMap` says, and batches along one axis of the mesh.

    Args:
        layout_map: the layouts of variables, and of outputs of layers, by patterns of their paths. Each pattern has to
            match something in a model when it is trained. Other variables are whole on each device.
        batch_dim_name: the axis of the mesh that batches are split along, default the first.
        auto_shard_dataset: see `Distribution`.
        device_mesh: that of the layout_map; need not be given.

    Raises:
        ValueError: no `LayoutMap`, another mesh than its own, or a name that is not an axis of it. When a model is made
            or trained: a layout that does not split a variable evenly, or a pattern that matches nothing. Or processes
            that cannot share the replicas of the model evenly.

    Example:
    >>> layouts = LayoutMap(DeviceMesh((1, 1), ["batch", "model"], ["cpu:0"]))
    >>> layouts[".*kernel"] = (None, "model")
    >>> ModelParallel(layout_map=layouts).num_model_replicas
    1
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        device_mesh: DeviceMesh | None = None,
    ):
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"ModelParallel: layout_map must be a LayoutMap, got {layout_map!r}.")
        if device_mesh not in (None, layout_map.device_mesh):
            raise ValueError(f"ModelParallel: device_mesh is not that of the layout_map, {layout_map.device_mesh!r}.")
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self.layout_map = layout_map
        replicas, processes = self.num_model_replicas, self.num_processes
        if processes > replicas and processes % replicas:
            raise ValueError(
                f"ModelParallel: {processes} processes cannot share {replicas} replicas of the model evenly. Give a "
                f"mesh whose axis {self.batch_dim_name!r} divides the number of processes."
            )

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return self.layout_map[path]

    def check(self, model: Any) -> None:
        paths = [variable.path for variable in model.variables]
        outputs = [f"{layer.path}/output" for layer in model._flatten_layers()]
        missing = self.layout_map.unmatched([*paths, *outputs])
        if missing:
            near = difflib.get_close_matches(missing[0], [*paths, *outputs], n=3, cutoff=0.3) or paths[:3]
            raise ValueError(
                f"ModelParallel: the pattern {missing[0]!r} of the LayoutMap matches no variable of {model.name!r}: a "
                f"pattern has to match a whole path. Near paths: {', '.join(map(repr, near))}."
            )

    def _layout_of(self, variable: Variable, shape: tuple[int, ...]) -> TensorLayout | None:
        return self.layout_map[variable.path]


def distribution() -> Distribution | None:
    """The distribution that is set; None for one device."""
    found: Distribution | None = placement.current()
    return found


def set_distribution(value: Distribution | None) -> None:
    """Set the distribution, for all threads and from now on. Models made before are moved when they are next used.

    Args:
        value: a distribution, or None to compute on one device.

    Raises:
        TypeError: something else.
    """
    if value is not None and not isinstance(value, Distribution):
        raise TypeError(f"set_distribution: expected a Distribution or None, got {value!r}.")
    placement.set_current(value)
