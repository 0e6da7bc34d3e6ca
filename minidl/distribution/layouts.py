"""Layouts: which axes of an array are split along which axes of a mesh."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from minidl.core import placement
from minidl.core.symbolic import is_symbolic
from minidl.core.variables import Variable
from minidl.distribution.devices import DeviceMesh


class TensorLayout:
    """How the axes of an array are split.

    Args:
        axes: for each axis of the array the name of the axis of the mesh along which it is split, or None.
        device_mesh: the mesh; it may be given later.

    Raises:
        ValueError: a name that the mesh does not have, or the same name twice.

    >>> TensorLayout((None, "model")).axes
    (None, 'model')
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self.axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh, once it is known; it can be set once."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"The device mesh of {self!r} is set already, to {self._device_mesh!r}.")
        self._device_mesh = mesh
        self._check()

    @property
    def backend_layout(self) -> NamedSharding:
        """The `jax.sharding.NamedSharding`.

        Raises:
            ValueError: there is no mesh yet.
        """
        if self._device_mesh is None:
            raise ValueError(f"{self!r} has no device mesh. Give TensorLayout(axes, device_mesh).")
        return NamedSharding(self._device_mesh.backend_mesh, PartitionSpec(*self.axes))

    def check_divides(self, shape: Sequence[int], what: str) -> None:
        """Refuse a shape that the layout does not split evenly.

        Args:
            shape: of an array.
            what: the array, for the error.

        Raises:
            ValueError: another number of axes, or one that is indivisible.
        """
        assert self._device_mesh is not None, "layouts in use have one"
        if len(self.axes) > len(shape):
            raise ValueError(
                f"{what} has shape {tuple(shape)}; its layout {self.axes} has {len(self.axes)} axes, expected at most "
                f"{len(shape)}."
            )
        for axis, (size, name) in enumerate(zip(shape, self.axes)):
            if size % (count := self._device_mesh.size(name)):
                raise ValueError(
                    f"{what} has shape {tuple(shape)}, whose axis {axis} of size {size} cannot be split evenly along "
                    f"{name!r}, {count} devices. Give None for this axis, or a size that {count} divides."
                )

    def _check(self) -> None:
        named = [name for name in self.axes if name is not None]
        if len(set(named)) != len(named):
            raise ValueError(f"TensorLayout: an axis of the mesh can split one axis only, got {self.axes}.")
        if self._device_mesh is not None and (unknown := set(named) - set(self._device_mesh.axis_names)):
            raise ValueError(
                f"Invalid axis names for Layout: {sorted(unknown)}. The mesh has {list(self._device_mesh.axis_names)}."
            )

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self._device_mesh}>"


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts of variables and of the outputs of layers, by regular expressions of their paths.

    A variable has the path `variable.path`, such as "dense/kernel"; the output of a layer "dense/output". A pattern
    has to match the whole path. Assigning a tuple of names makes a layout of it.

    Args:
        device_mesh: the mesh of the layouts.

    >>> layouts = LayoutMap(DeviceMesh((1, 1), ["batch", "model"], ["cpu:0"]))
    >>> layouts["dense.*kernel"] = (None, "model")
    >>> layouts["dense_3/kernel"].axes, layouts["dense/bias"]
    ((None, 'model'), None)
    """

    def __init__(self, device_mesh: DeviceMesh):
        if not isinstance(device_mesh, DeviceMesh):
            raise TypeError(f"LayoutMap: expected a DeviceMesh, got {device_mesh!r}.")
        self.device_mesh = device_mesh
        self._layouts: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        """The layout of a path: that of the path itself, else that of the one pattern that matches, else None.

        Raises:
            ValueError: several patterns match.
        """
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path {key!r} matches multiple layout specification keys: {found}. Make the patterns narrower, so "
                "that each path matches one at most."
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: TensorLayout | Sequence[str | None]) -> None:
        if key in self._layouts:
            raise ValueError(f"{key!r} already exists in the LayoutMap, with {self._layouts[key]!r}. Delete it first.")
        try:
            re.compile(key)
        except re.error as error:
            raise ValueError(f"LayoutMap: {key!r} is not a regular expression: {error}.") from error
        layout = TensorLayout(layout) if isinstance(layout, (tuple, list)) else layout
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"LayoutMap: expected a TensorLayout or a tuple of names, got {layout!r}.")
        if layout.device_mesh is None:
            layout.device_mesh = self.device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def unmatched(self, paths: Sequence[str]) -> list[str]:
        """The patterns that match none of the paths."""
        return [key for key in self if key not in paths and not any(re.fullmatch(key, path) for path in paths)]


def distribute_tensor(tensor: Any, layout: TensorLayout | NamedSharding) -> Any:
    """An array with a layout; inside of a compiled function, a constraint on the array there.

    Args:
        tensor: an array, or a symbolic tensor, which is returned as it is.
        layout: a `TensorLayout` with a mesh, or a `jax.sharding.Sharding`.

    Raises:
        ValueError: the layout does not split the shape evenly.
    """
    if is_symbolic(tensor):
        return tensor
    if isinstance(layout, TensorLayout):
        layout.check_divides(tensor.shape, "The tensor")
        layout = layout.backend_layout
    value = tensor.value if isinstance(tensor, Variable) else tensor
    if isinstance(value, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(value, layout)
    return placement.put(value, layout)
