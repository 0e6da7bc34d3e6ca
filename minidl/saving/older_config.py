"""Configs in the format of legacy HDF5 files, which is older than that of `.keras` files.

A layer is {"class_name", "config"}, without the module of its class; a function is its name. Objects in layer configs
(initializers, wrapped layers) have the current format, as Keras 3 writes them. Files of TensorFlow's Keras 2 have more
differences; the arguments that were renamed since are converted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidl.core import registry

_COMPILE = ("loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution", "jit_compile")
_OF_LAMBDAS = ("module", "function_type", "output_shape_type", "output_shape_module")
_OF_OPTIMIZERS = ("decay", "jit_compile", "is_legacy_optimizer")
_MODELS = ("Functional", "Model", "Sequential")


def older_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's config, as `serialization.serialize` returns it, in the older format.

    >>> older_config({"module": "keras.layers", "class_name": "ReLU", "config": {}, "registered_name": None})
    {'class_name': 'ReLU', 'config': {}}
    """
    if str(config["module"]).startswith("keras.src.ops"):
        return dict(config)  # functions have no older format
    older = {
        name: value for name, value in config.items() if name not in ("module", "registered_name", "compile_config")
    }
    older["class_name"] = config.get("registered_name") or config["class_name"]
    if isinstance(inner := config["config"].get("layers"), list) and config["class_name"] in _MODELS:
        older["config"] = {**config["config"], "layers": [older_config(layer) for layer in inner]}
    return older


def older_compile_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `compile`, as `get_compile_config` returns them, in the older format."""
    older = {name: _without_modules(config.get(name)) for name in _COMPILE}
    return {**older, "optimizer_config": _without_modules(config["optimizer"])}


def _without_modules(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_without_modules(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {name: _without_modules(item) for name, item in value.items()}
    name = value.get("registered_name") or value["class_name"]
    if value["class_name"] == "function":
        return value.get("registered_name") or value["config"]
    return {"class_name": name, "config": value["config"]}


def current_config(config: Any) -> Any:
    """A layer's config in the older format, converted to the current argument names.

    >>> current_config({"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3]}})
    {'class_name': 'InputLayer', 'config': {'batch_shape': [None, 3]}}
    """
    if isinstance(config, list):
        return [current_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "__tuple__":
        return current_config(config.get("items"))
    current = {name: current_config(value) for name, value in config.items()}
    if isinstance(current.get("config"), dict) and "module" not in current:
        current["config"] = _current_arguments(current.get("class_name"), current["config"])
    return current


def _current_arguments(class_name: Any, given: dict[str, Any]) -> dict[str, Any]:
    arguments = dict(given)
    if "batch_input_shape" in arguments and class_name == "InputLayer":
        arguments["batch_shape"] = arguments.pop("batch_input_shape")
    if isinstance(axis := arguments.get("axis"), list) and len(axis) == 1:
        arguments["axis"] = axis[0]
    if class_name == "Lambda":
        for part in ("function", "output_shape"):
            if arguments.get(f"{part}_type") == "lambda":
                arguments[part] = {"class_name": "__lambda__", "config": {"value": arguments[part]}}
        arguments = {name: value for name, value in arguments.items() if name not in _OF_LAMBDAS}
    if arguments.get("time_major") is False:
        del arguments["time_major"]
    if isinstance(arguments.get("layers"), list) and {"input_layers", "output_layers"} <= arguments.keys():
        return _current_graph(arguments)
    return arguments


def _current_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a functional model, converted from calls as lists of [layer, call, output, keyword arguments].

    In this format, calls of a nested model are counted from 1.
    """
    if not all(isinstance(layer, dict) and isinstance(layer.get("inbound_nodes"), list) for layer in config["layers"]):
        raise ValueError("Each layer of a functional model needs 'inbound_nodes', the list of its calls.")
    models = {layer.get("name") for layer in config["layers"] if layer.get("class_name") in _MODELS}

    def tensor(reference: Any) -> dict[str, Any]:
        if not isinstance(reference, list) or len(reference) not in (3, 4) or not isinstance(reference[1], int):
            raise ValueError(f"Expected [layer, call, output] or [layer, call, output, arguments], got {reference!r}.")
        name, call, index, *_ = reference
        return {
            "class_name": "__keras_tensor__",
            "config": {"keras_history": [name, max(0, call - (name in models)), index]},
        }

    def current_call(call: Any) -> Any:
        if not isinstance(call, list):
            return call
        if not call:
            raise ValueError("A call of a layer has no inputs, expected at least one.")
        tensors = [tensor(reference) for reference in call]
        arguments = call[-1][3] if len(call[-1]) > 3 else {}
        return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": arguments}

    def current_tensors(references: Any) -> Any:
        """References of inputs or outputs; a single one is not in a list in the current format."""
        return references[0] if len(references) == 1 else references

    if not any(isinstance(call, list) for layer in config["layers"] for call in layer["inbound_nodes"]):
        return config
    layers = [
        {**layer, "inbound_nodes": [current_call(call) for call in layer["inbound_nodes"]]}
        for layer in config["layers"]
    ]
    tensors = {name: current_tensors(config[name]) for name in ("input_layers", "output_layers")}
    return {**config, "layers": layers, **tensors}


def current_compile_config(config: Any) -> dict[str, Any]:
    """The arguments of `compile` in the older format, converted for `compile_from_config`.

    Raises:
        ValueError: not a dict, or without an optimizer.
    """
    if not isinstance(config, dict) or not isinstance(config.get("optimizer_config"), dict):
        raise ValueError("the training_config has no 'optimizer_config'")
    optimizer = dict(config["optimizer_config"])
    if "module" not in optimizer and isinstance(optimizer.get("config"), dict):
        optimizer["config"] = {k: v for k, v in optimizer["config"].items() if k not in _OF_OPTIMIZERS}
    current = {name: _with_functions(config[name]) for name in _COMPILE if name in config}
    return {**current, "optimizer": optimizer}


def _with_functions(value: Any) -> Any:
    """The structure with names of custom functions replaced by the functions; minidl's own names are kept."""
    if isinstance(value, list):
        return [_with_functions(item) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _with_functions(item) for name, item in value.items()}
    found = registry.custom(value)
    return value if found is None else found
