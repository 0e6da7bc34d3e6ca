"""Weights of a model as named arrays, and back; all arrays are checked before any weight is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import jax
import numpy as np

from minidl.core import placement
from minidl.core.functional import of_one_moment
from minidl.core.object_graph import unique
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.optimizers.state import OptimizerState
from minidl.saving.errors import LoadError
from minidl.saving.hdf5 import H5Reader
from minidl.saving.matching import difference, report, state_matches, warn_of_rounding
from minidl.saving.shards import ShardReader
from minidl.saving.tree import Owner, owners

Reader = H5Reader | ShardReader


def collect(root: Module, skipped: Sequence[Any] = ()) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, str]]:
    """A consistent snapshot of all weights and the optimizer's state, also while another thread trains the model.

    Args:
        root: a model.
        skipped: objects to exclude, with everything they contain.

    Returns:
        The path of each group, such as "layers/dense/vars" -> key -> array; and the name of the layer of each group.

    Raises:
        ValueError: a weight that no tracked layer or container has.
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
        raise ValueError(f"{root.name!r}: the weights {lost} would not be saved. Store their layers in attributes.")
    return groups, names


def variables_of(root: Module) -> list[Variable]:
    """The weights of a model, and the variables of its optimizer, if it has one."""
    optimizer = getattr(root, "optimizer", None)  # a layer has none
    return unique([*root.variables, *(optimizer.variables if optimizer is not None else [])])


def apply(
    root: Module, file: Reader, skip_mismatch: bool = False, by_name: bool = False, skipped: Sequence[Any] = ()
) -> None:
    """Set the weights from a file. If any is missing or does not match, nothing is changed.

    If the file has no matching state for the optimizer, it is left unchanged, with a warning.

    Args:
        root: a built model.
        file: the file to read.
        skip_mismatch: skip layers that do not match, with a warning that names them.
        by_name: match layers by their names instead of their paths in the model; layers that are not in the file are
            left unchanged.
        skipped: objects to leave unchanged, with everything they contain.

    Raises:
        LoadError: missing, unexpected or mismatched arrays; the message lists all of them.
    """
    groups = _groups(file)
    wanted = {f"{path}/vars" if path else "vars": owner for path, owner in owners(root, skipped)}
    if by_name:
        wanted = _by_name(wanted, file.names)
    elif not skipped:
        wanted = _by_property(root, wanted, groups)
    problems: list[str] = []
    matching: list[tuple[Owner, _Store]] = []
    for group, owner in wanted.items():
        store = _Store(file, group, groups.pop(group, []))
        if isinstance(owner, OptimizerState):
            paths = [f"{group}/{index}" for index in range(len(store))]
            if paths and state_matches(owner, paths, file.arrays):
                matching.append((owner, store))
        else:
            found = list(_differences(owner, group, store.keys(), file))
            problems += found
            if not found:
                matching.append((owner, store))
    if not by_name and not skipped:
        has_optimizer = any(isinstance(owner, OptimizerState) for owner in wanted.values())
        unused = [group for group in groups if has_optimizer or not group.startswith("optimizer/")]
        problems += [f"{group} (of {file.names.get(group)!r}) is in the file, not in the model" for group in unused]
    report(root.name, problems, skip_mismatch)
    warn_of_rounding(_pairs(matching), file.arrays)
    arrays = [(owner, _values(owner, store)) for owner, store in matching]  # all are read before any is set
    for owner, values in arrays:
        owner.load_own_variables(values)


class _Store(Mapping[str, np.ndarray]):
    """The arrays of a group, read on access."""

    def __init__(self, file: Reader, group: str, keys: Sequence[str]):
        self.group = group
        self._file, self._keys = file, keys

    def __getitem__(self, key: str) -> np.ndarray:
        return self._file.read(f"{self.group}/{key}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _values(owner: Owner, store: _Store) -> dict[str, Any]:
    """The arrays of a group. Those of the dtype of the owner's variables are moved to the device, to save a copy."""
    values: dict[str, Any] = {key: store[key] for key in store.keys()}  # noqa: SIM118
    if type(owner).load_own_variables in (Module.load_own_variables, OptimizerState.load_own_variables):
        variables = owner._stored_weights() if isinstance(owner, Module) else owner.variables
        for key, variable in zip(map(str, range(len(variables))), variables):
            if key in values and values[key].dtype == variable._value.dtype:
                slot = variable._slot
                is_spread = placement.is_spread(slot)
                values[key] = placement.put(values[key], slot.sharding) if is_spread else jax.device_put(values[key])
    return values


def _groups(file: Reader) -> dict[str, list[str]]:
    """The keys of the arrays in each group."""
    groups: dict[str, list[str]] = {}
    for path in file.arrays:
        group, _, key = path.rpartition("/")
        groups.setdefault(group, []).append(key)
    return groups


def _by_name(wanted: dict[str, Owner], names: Mapping[str, str]) -> dict[str, Owner]:
    """The group with the name of each layer that has its own weights; the optimizer is excluded."""
    by_layer: dict[str, list[str]] = {}
    for group, name in names.items():
        by_layer.setdefault(name, []).append(group)
    found: dict[str, Owner] = {}
    for owner in wanted.values():
        groups = by_layer.get(owner.name, [])
        if isinstance(owner, Module) and owner._own_weights() and groups:
            if len(groups) > 1:
                raise LoadError(f"The file has {len(groups)} layers named {owner.name!r}. Load it without by_name.")
            found[groups[0]] = owner
    return found


def _by_property(root: Module, wanted: Mapping[str, Owner], groups: Mapping[str, Any]) -> dict[str, Owner]:
    """Groups under the names of the file, for attributes that were renamed and keep the old name as a property."""
    missing = {id(owner): group for group, owner in wanted.items() if group not in groups}
    found = dict(wanted)
    for group in groups.keys() - wanted.keys():
        owner = _attribute_at(root, group.split("/")[:-1])
        if owner is not None and (own := missing.pop(id(owner), None)) is not None:
            found[group] = found.pop(own)
    return found


def _attribute_at(root: Module, path: Sequence[str]) -> Any:
    """The layer at a path of attributes or properties; None if there is none."""
    part: Any = root
    for name in path:
        is_property = isinstance(getattr(type(part), name, None), property)
        part = getattr(part, name) if is_property else dict(part.saved_parts()).get(name)
        if not isinstance(part, Module):
            return None
    return part


def _pairs(matching: list[tuple[Owner, _Store]]) -> Iterator[tuple[Variable, str]]:
    """The weights that `Module.load_own_variables` will set, with the paths of their arrays."""
    for layer, store in matching:
        if isinstance(layer, Module) and type(layer).load_own_variables is Module.load_own_variables:
            for index, weight in enumerate(layer._stored_weights()):
                yield weight, f"{store.group}/{index}"


def _differences(layer: Module, group: str, keys: AbstractSet[str], file: Reader) -> Iterator[str]:
    """How the weights of a layer differ from the arrays of its group in the file."""
    if type(layer).load_own_variables is not Module.load_own_variables:
        return  # a custom method, which checks its own arrays
    weights = {str(index): weight for index, weight in enumerate(layer._stored_weights())}
    for key, weight in weights.items():
        if problem := difference(weight, f"{group}/{key}", file.arrays):
            yield problem
    for key in keys - weights.keys():
        built = "" if layer.built else ", which is not built yet"
        yield f"{group}/{key} is in the file, not in the layer {layer.name!r}{built}"
