"""Configs in the form that HDF5 files have: older than that of `.keras` files, and with less in it.

A layer is {"class_name", "config"}, without the module of its class; a function is its name. What layers hold inside
(initializers, layers in wrappers) has the newer form, as Keras 3 writes it. Files of TensorFlow's Keras 2 differ in
more; what of that a config says in other words is translated here.
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
    """A layer's config, as `serialization.serialize` gives it, in the older form.

    >>> older_config({"module": "keras.layers", "class_name": "ReLU", "config": {}, "registered_name": None})
    {'class_name': 'ReLU', 'config': {}}
    """
    if str(config["module"]).startswith("keras.src.ops"):
        return dict(config)  # a function, which has no older form
    older = {
        name: value for name, value in config.items() if name not in ("module", "registered_name", "compile_config")
    }
    older["class_name"] = config.get("registered_name") or config["class_name"]
    if isinstance(inside := config["config"].get("layers"), list) and config["class_name"] in _MODELS:
        older["config"] = {**config["config"], "layers": [older_config(layer) for layer in inside]}
    return older


def older_compile_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `compile`, as `get_compile_config` gives them, in the older form."""
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
    """A layer's config in the older form, in words that minidl's layers know.

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
    """The config of a functional model in which calls may be lists of [layer, call, output, other arguments].

    There the calls of a model with an input of its own count from 1.
    """
    if not all(isinstance(layer, dict) and isinstance(layer.get("inbound_nodes"), list) for layer in config["layers"]):
        raise ValueError("The layers of a functional model need 'inbound_nodes', a list of their calls.")
    models = {layer.get("name") for layer in config["layers"] if layer.get("class_name") in _MODELS}

    def tensor(place: Any) -> dict[str, Any]:
        if not isinstance(place, list) or len(place) not in (3, 4) or not isinstance(place[1], int):
            raise ValueError(f"Expected [layer, call, output] or [layer, call, output, arguments], got {place!r}.")
        name, call, index, *_ = place
        return {
            "class_name": "__keras_tensor__",
            "config": {"keras_history": [name, max(0, call - (name in models)), index]},
        }

    def current_call(call: Any) -> Any:
        if not isinstance(call, list):
            return call
        if not call:
            raise ValueError("A call of a layer has no inputs.")
        tensors = [tensor(place) for place in call]
        arguments = call[-1][3] if len(call[-1]) > 3 else {}
        return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": arguments}

    def current_places(places: Any) -> Any:
        """One tensor is in a list there, too."""
        return places[0] if len(places) == 1 else places

    if not any(isinstance(call, list) for layer in config["layers"] for call in layer["inbound_nodes"]):
        return config
    layers = [
        {**layer, "inbound_nodes": [current_call(call) for call in layer["inbound_nodes"]]}
        for layer in config["layers"]
    ]
    places = {name: current_places(config[name]) for name in ("input_layers", "output_layers")}
    return {**config, "layers": layers, **places}


def current_compile_config(config: Any) -> dict[str, Any]:
    """The arguments of `compile` in the older form, for `compile_from_config`.

    Raises:
        ValueError: it is no dict, or has no optimizer.
    """
    if not isinstance(config, dict) or not isinstance(config.get("optimizer_config"), dict):
        raise ValueError("the training_config has no 'optimizer_config'")
    optimizer = dict(config["optimizer_config"])
    if "module" not in optimizer and isinstance(optimizer.get("config"), dict):
        optimizer["config"] = {k: v for k, v in optimizer["config"].items() if k not in _OF_OPTIMIZERS}
    current = {name: _with_functions(config[name]) for name in _COMPILE if name in config}
    return {**current, "optimizer": optimizer}


def _with_functions(value: Any) -> Any:
    """The structure with the caller's functions for their names; names of minidl's stay."""
    if isinstance(value, list):
        return [_with_functions(item) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _with_functions(item) for name, item in value.items()}
    found = registry.custom(value)
    return value if found is None else found
