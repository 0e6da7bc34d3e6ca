"""The weights of a model as named arrays, and back, with everything checked before anything is set."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.functional import of_one_moment
from minidl.core.object_graph import unique
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.optimizers.state import OptimizerState
from minidl.saving.errors import LoadError
from minidl.saving.hdf5 import Declared, H5Reader
from minidl.saving.shards import ShardReader
from minidl.saving.tree import Owner, owners

Reader = H5Reader | ShardReader


def collect(root: Module, skipped: Sequence[Any] = ()) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, str]]:
    """All weights, and the optimizer's state, all of one moment although another thread trains them.

    Args:
        root: a model.
        skipped: what to leave out, with all that is inside.

    Returns:
        The path of each group, such as "layers/dense/vars" -> key -> array; and the name of the layer of each group.

    Raises:
        ValueError: a weight that is in no layer or container that files know.
    """
    groups: dict[str, dict[str, np.ndarray]] = {}
    names = {}
    saved = {id(weight) for owner in skipped if isinstance(owner, Module) for weight in owner.weights}
    with of_one_moment(variables_of(root)):
        for path, owner in owners(root, skipped):
            group = f"{path}/vars" if path else "vars"
            store: dict[str, Any] = {}
            owner.save_own_variables(store)
            groups[group] = {key: np.asarray(value) for key, value in store.items()}
            names[group] = owner.name
            if isinstance(owner, Module):
                saved |= {id(weight) for weight in owner._own_weights()}
    if lost := [weight.path for weight in root.weights if id(weight) not in saved]:
        raise ValueError(f"{root.name!r}: the weights {lost} would not be saved: keep their layers in attributes.")
    return groups, names


def variables_of(root: Module) -> list[Variable]:
    """The weights of a model, and the variables of its optimizer, if it has one."""
    optimizer = getattr(root, "optimizer", None)  # a layer has none
    return unique([*root.variables, *(optimizer.variables if optimizer is not None else [])])


def apply(
    root: Module, file: Reader, skip_mismatch: bool = False, by_name: bool = False, skipped: Sequence[Any] = ()
) -> None:
    """Set the weights from a file; only if all of them are there and fit, nothing is changed otherwise.

    An optimizer whose state the file does not hold as it is now stays as it is, with a warning.

    Args:
        root: a built model.
        file: what to read from.
        skip_mismatch: leave layers out that do not fit, with a warning that names them.
        by_name: find layers by the names that they had when they were saved instead of their places in the model;
            layers that the file does not name stay as they are.
        skipped: what to leave as it is, with all that is inside.

    Raises:
        LoadError: arrays that are missing, further ones, or others than the model's, all named.
    """
    groups = _groups(file)
    wanted = {f"{path}/vars" if path else "vars": owner for path, owner in owners(root, skipped)}
    if by_name:
        wanted = _by_name(wanted, file.names)
    elif not skipped:
        wanted = _by_property(root, wanted, groups)
    problems: list[str] = []
    fitting: list[tuple[Owner, _Store]] = []
    for group, owner in wanted.items():
        store = _Store(file, group, groups.pop(group, {}))
        if isinstance(owner, OptimizerState):
            if _optimizer_fits(owner, store):
                fitting.append((owner, store))
        else:
            found = list(_differences(owner, store, group))
            problems += found
            if not found:
                fitting.append((owner, store))
    if not by_name and not skipped:
        has_optimizer = any(isinstance(owner, OptimizerState) for owner in wanted.values())
        further = [group for group, arrays in groups.items() if arrays]
        further = [group for group in further if has_optimizer or not group.startswith("optimizer/")]
        problems += [f"{group} (of {file.names.get(group)!r}) is in the file, not in the model" for group in further]
    if problems and not skip_mismatch:
        raise LoadError(f"The weights do not fit {root.name!r}, and none were loaded:\n  " + "\n  ".join(problems))
    if problems:
        warnings.warn(f"{root.name!r}: weights were left out:\n  " + "\n  ".join(problems), stacklevel=4)
    _warn_of_rounding(fitting)
    arrays = [(owner, _values(owner, store)) for owner, store in fitting]
    for owner, values in arrays:
        owner.load_own_variables(values)


class _Store(Mapping[str, np.ndarray]):
    """The arrays of a group, read when they are asked for."""

    def __init__(self, file: Reader, group: str, declared: dict[str, Declared]):
        self.declared = declared
        self._file, self._group = file, group

    def __getitem__(self, key: str) -> np.ndarray:
        return self._file.read(f"{self._group}/{key}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)


def _values(owner: Owner, store: _Store) -> dict[str, Any]:
    """The arrays of a group. Those that the owner's variables take as they are are on the device: not copied again."""
    values: dict[str, Any] = {key: store[key] for key in store.keys()}  # noqa: SIM118
    if type(owner).load_own_variables in (Module.load_own_variables, OptimizerState.load_own_variables):
        variables = owner._stored_weights() if isinstance(owner, Module) else owner.variables
        for key, variable in zip(map(str, range(len(variables))), variables):
            if key in values and values[key].dtype == variable._value.dtype:
                values[key] = jax.device_put(values[key])
    return values


def _groups(file: Reader) -> dict[str, dict[str, Declared]]:
    groups: dict[str, dict[str, Declared]] = {}
    for path, declared in file.arrays.items():
        group, _, key = path.rpartition("/")
        groups.setdefault(group, {})[key] = declared
    return groups


def _by_name(wanted: dict[str, Owner], names: Mapping[str, str]) -> dict[str, Owner]:
    """The groups that have the name of a layer; layers without weights of their own, and the optimizer, left out."""
    by_layer: dict[str, list[str]] = {}
    for group, name in names.items():
        by_layer.setdefault(name, []).append(group)
    found: dict[str, Owner] = {}
    for owner in wanted.values():
        groups = by_layer.get(owner.name, [])
        if isinstance(owner, Module) and owner._own_weights() and groups:
            if len(groups) > 1:
                raise LoadError(f"The file has {len(groups)} layers named {owner.name!r}: load without by_name.")
            found[groups[0]] = owner
    return found


def _by_property(root: Module, wanted: Mapping[str, Owner], groups: Mapping[str, Any]) -> dict[str, Owner]:
    """The groups with the names of the file for parts that have another name now, and their old one as a property."""
    missing = {id(owner): group for group, owner in wanted.items() if group not in groups}
    found = dict(wanted)
    for group in groups.keys() - wanted.keys():
        owner = _behind(root, group.split("/")[:-1])
        if owner is not None and (own := missing.pop(id(owner), None)) is not None:
            found[group] = found.pop(own)
    return found


def _behind(root: Module, path: Sequence[str]) -> Any:
    """The part at a path of attributes, which may be properties; None if there is none."""
    part: Any = root
    for name in path:
        is_property = isinstance(getattr(type(part), name, None), property)
        part = getattr(part, name) if is_property else dict(part.saved_parts()).get(name)
        if not isinstance(part, Module):
            return None
    return part


def _warn_of_rounding(fitting: list[tuple[Owner, _Store]]) -> None:
    rounded = [
        f"{weight.path} from {store.declared[str(index)].dtype} to {weight._value.dtype}"
        for layer, store in fitting
        if isinstance(layer, Module) and type(layer).load_own_variables is Module.load_own_variables
        for index, weight in enumerate(layer._stored_weights())
        if rounds(weight, store.declared[str(index)].dtype)
    ]
    if rounded:
        warnings.warn("Weights were rounded: " + ", ".join(rounded), stacklevel=5)


def _optimizer_fits(optimizer: OptimizerState, store: _Store) -> bool:
    shapes = [variable.shape for variable in optimizer.variables]
    stored = [store.declared[str(i)].shape for i in range(len(store)) if str(i) in store.declared]
    if len(stored) == len(store) and optimizer.takes(stored):
        return True
    if store:
        warnings.warn(
            f"The state of the optimizer {optimizer.name!r} was not loaded: it has {len(shapes)} variables, the file "
            f"{len(stored)}{', of other shapes' if len(shapes) == len(stored) else ''}. It begins anew.",
            stacklevel=5,
        )
    return False


def _differences(layer: Module, store: _Store, group: str) -> Iterator[str]:
    """What of a layer's weights is not in the file as it is in the layer."""
    if type(layer).load_own_variables is not Module.load_own_variables:
        return  # it knows what it stored
    weights = {str(index): weight for index, weight in enumerate(layer._stored_weights())}
    for key, weight in weights.items():
        if key not in store.declared:
            yield f"{weight.path} {described(weight.shape, weight._value.dtype)} is not in the file, at {group}/{key}"
        elif (stored := store.declared[key]).shape != weight.shape or not _takes(weight, stored.dtype):
            yield (
                f"{weight.path} is {described(weight.shape, weight._value.dtype)} in the model and "
                f"{described(stored.shape, stored.dtype)} in the file, at {group}/{key}"
            )
    for key in store.declared.keys() - weights.keys():
        built = "" if layer.built else ", which is not built yet"
        yield f"{group}/{key} is in the file, not in the layer {layer.name!r}{built}"


def _takes(weight: Variable, stored: np.dtype) -> bool:
    return holds(weight, stored) or rounds(weight, stored)


def rounds(weight: Variable, stored: np.dtype) -> bool:
    """Whether a weight takes floats of another dtype only rounded."""
    own = np.dtype(weight._value.dtype)
    return dtypes.is_float(own) and dtypes.is_float(stored) and not holds(weight, stored)


def holds(weight: Variable, stored: np.dtype) -> bool:
    """Whether a weight can take the values of a dtype as they are. Integers of 64 bits, which JAX has not, may be."""
    own = np.dtype(weight._value.dtype)
    if own == stored or (own.kind in "iu" and stored.kind in "iu"):
        return True
    return dtypes.is_float(own) and dtypes.is_float(stored) and jnp.promote_types(own, stored) == own


def described(shape: tuple[int, ...], dtype: Any) -> str:
    """An array in an error: float32(3, 2)."""
    return f"{np.dtype(dtype).name}{shape}"
