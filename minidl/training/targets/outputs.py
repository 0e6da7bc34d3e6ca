"""Outputs: the outputs of a model, their names, and the assignment of structures of losses and targets to them.

A model's call may give one array, or a list, tuple or dict of them, also nested. What compile() and
fit() take for it (losses, weights, metrics, targets) comes in a structure of its own. Here every
such structure becomes a plain list with one entry for each output, in one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from minidl.core import naming, structures
from minidl.losses import Loss


class Outputs:
    """The outputs of a model.

    Args:
        y_pred: the outputs, or their shapes: an array or a structure of arrays.
        output_names: the names of outputs that are a list, if the model has any.

    >>> outputs = Outputs({"price": 0.5, "kind": [0.1, 0.2]})
    >>> outputs.labels
    ['kind/0', 'kind/1', 'price']
    >>> outputs.split({"price": "mse"}, "loss")
    [None, None, 'mse']
    """

    def __init__(self, y_pred: Any, output_names: Sequence[str] | None = None):
        leaves, tree = jax.tree_util.tree_flatten_with_path(y_pred)
        # The structure of outputs, with indices as leaves:
        self._structure = structures.like(y_pred, jax.tree.unflatten(tree, range(len(leaves))))
        self.paths = [tuple(_key(entry) for entry in path) for path, _ in leaves]
        self._given_names = list(output_names) if output_names and len(output_names) == len(leaves) else None
        self.is_nested = any(len(path) > 1 for path in self.paths)
        self.values = [leaf for _, leaf in leaves]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def names(self) -> list[str] | None:
        """The names of the outputs: the keys of a dict, or the names that the model has; None if neither."""
        if isinstance(self._structure, dict) and not self.is_nested:
            return [str(path[0]) for path in self.paths]
        return self._given_names

    @property
    def labels(self) -> list[str]:
        """A label for each output, for errors."""
        return self.names or ["/".join(map(str, path)) for path in self.paths]

    def loss_name(self, index: int, loss_name: str) -> str:
        """The name of an output's loss in the logs, without "_loss": its path, or the loss for a list position."""
        path = self.paths[index]
        if path and not isinstance(path[-1], int):
            return "/".join(map(str, path))
        name = self._given_names[index] if self._given_names else loss_name
        return "/".join(map(str, (*path[:-1], name)))

    def order(self, given: Any) -> list[int]:
        """The outputs in the order of their names in a structure, followed by the others."""
        found: dict[int, Any] = {}
        if len(self) > 1:
            self._split(given, self._structure, "", True, found)
        return [*found, *(index for index in range(len(self)) if index not in found)]

    def split(self, given: Any, argument: str, shared: bool = True, lists: bool = False) -> list[Any]:
        """One entry for each output, None if there is none.

        Args:
            given: a single thing, or a structure of them. A list is matched with the outputs of a dict in the order of
                their sorted keys, and a dict with those of a list by the model's names for them.
            argument: what it is called, for errors: "loss", "metrics", "y", ...
            shared: whether one single thing is for every output.
            lists: whether an output can have a list of things.

        Raises:
            ValueError: there is no such output, or a list is too long or too short.
        """
        if len(self) == 1:
            return [self._only(given, argument)]
        found: dict[int, Any] = {}
        self._split(given, self._structure, argument, shared, found)
        for index, entry in found.items():
            if isinstance(entry, (list, tuple)) and len(entry) == 1 and not lists:
                found[index] = entry = entry[0]
            if isinstance(entry, dict) and is_structure(entry) or is_structure(entry) and not lists:
                kind, parts = type(entry).__name__, list(entry) if isinstance(entry, dict) else len(entry)
                raise ValueError(
                    f"{argument}: the output {self.labels[index]!r} is one array, but it is given more than the one "
                    f"entry expected: a {kind} of {parts}. The outputs are {self.labels}."
                )
        return [found.get(index) for index in range(len(self))]

    def split_targets(self, y: Any, trained: Sequence[bool]) -> list[Any]:
        """The targets of each output. A list may leave out the outputs that have no loss; of one, an array will do.

        Args:
            y: targets, in a structure.
            trained: for each output, whether it has a loss.

        Raises:
            ValueError: as in `split`.
        """
        few = y if isinstance(y, (list, tuple)) else [] if y is None or is_structure(y) else [y]
        if few and len(few) == sum(trained) != len(self) and not self.is_nested:
            entries = iter(few)
            return [next(entries) if has_loss else None for has_loss in trained]
        return self.split(y, "y", shared=False)

    def _split(
        self, given: Any, structure: Any, argument: str, shared: bool, found: dict[int, Any], nested: bool = False
    ) -> None:
        """Put what is given for a structure of indices, all or a nested one, into `found`, by index."""
        if isinstance(structure, int):
            found[structure] = given
        elif not is_structure(given):
            if nested and argument == "compile: loss" and callable(given) and not isinstance(given, Loss):
                labels = [self.labels[index] for index in jax.tree.leaves(structure)]
                raise ValueError(
                    f"{argument}: one function is given for the structure of outputs {labels}, but a loss compares one "
                    "output with its targets. Give a loss for each, or override compute_loss()."
                )
            if not shared and given is not None:
                raise ValueError(
                    f"{argument} is one array, but the model has {len(self)} outputs, {self.labels}. Give a "
                    f"{'dict' if isinstance(structure, dict) else 'list'} with an array for each."
                )
            for index in jax.tree.leaves(structure):
                found[index] = given
        elif isinstance(structure, dict):
            self._split_dict(given, structure, argument, shared, found)
        elif isinstance(given, dict):
            by_name = self._by_name(given, argument)
            self._split_dict(by_name, dict(zip(by_name, structure, strict=True)), argument, shared, found)
        else:
            self._check_length(given, structure, argument)
            for entry, inner in zip(given, structure):
                self._split(entry, inner, argument, shared, found, nested=True)

    def _split_dict(self, given: Any, structure: dict[Any, Any], argument: str, shared: bool, found: Any) -> None:
        if not isinstance(given, dict):
            self._check_length(given, structure, argument)
            given = dict(zip(sorted(structure), given))
        for key in given:
            if key not in structure:
                raise self._unknown(key, sorted(structure), argument)
            self._split(given[key], structure[key], argument, shared, found, nested=True)

    def _by_name(self, given: dict[Any, Any], argument: str) -> dict[str, Any]:
        """One entry for each named output of a list, in the order of the outputs."""
        known = self._given_names
        if known is None or self.is_nested:
            raise ValueError(
                f"{argument} is a dict with the keys {list(given)}, but the model's outputs are a list, which has no "
                f"names. Give a list of {len(self)}, or let the model's call return a dict."
            )
        for key in given:
            if key not in known:
                raise self._unknown(key, known, argument)
        return {name: given.get(name) for name in known}

    def _only(self, given: Any, argument: str) -> Any:
        """The entry for the single output, without the lists and dicts around it."""
        structure = self._structure
        while is_structure(given):
            if len(given) != 1:
                kind = "arrays" if argument in ("y", "sample_weight") else "entries"
                raise ValueError(f"{argument} has {len(given)} {kind}, but the model has one output. Give one.")
            if isinstance(given, dict) and isinstance(structure, dict) and set(given) != set(structure):
                raise self._unknown(next(iter(given)), list(structure), argument)
            given = next(iter(given.values())) if isinstance(given, dict) else given[0]
            if isinstance(structure, dict):
                structure = next(iter(structure.values()))
            elif isinstance(structure, (list, tuple)):
                structure = structure[0]
        return given

    def _check_length(self, given: Sequence[Any], structure: Any, argument: str) -> None:
        if len(given) != len(structure):
            raise ValueError(
                f"{argument} is a list of {len(given)}, but the model has {len(structure)} outputs here, "
                f"{self.labels}. Give one entry for each output, None for one that needs none."
            )

    def _unknown(self, key: Any, known: list[Any], argument: str) -> ValueError:
        message = str(naming.unknown("output", str(key), {str(name): None for name in known}))
        *call, name = argument.split(": ")
        return ValueError(": ".join([*call, f"Invalid `{name}`", f"{message} Expected keys: {known}."]))


def is_structure(value: Any) -> bool:
    """Whether a value is a list, tuple or dict of entries; the config of an object is a single entry."""
    return isinstance(value, (list, tuple)) or (isinstance(value, dict) and not {"class_name", "config"} <= set(value))


def _key(entry: Any) -> Any:
    """One step of a path: a key, an index, or the name of a field."""
    if isinstance(entry, jax.tree_util.DictKey):
        return entry.key
    return entry.idx if isinstance(entry, jax.tree_util.SequenceKey) else str(entry).strip(".")
