"""Few epochs and steps: the methods that train, cut short, and the numbers that they gave."""

import ast
import functools
import inspect
import math
import re

import numpy as np

EPOCHS, STEPS = 2, 2
_COUNTS = re.compile(r"(?i)^([a-z]+_)*(epochs?|iterations|n_iter)(_[a-z]+)*$")


class FewEpochs(ast.NodeTransformer):
    """`NUM_EPOCHS = 100` and `range(1, epochs)` of such names: at most EPOCHS."""

    def visit_Assign(self, node):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if any(map(_COUNTS.match, names)) and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            node.value = ast.Constant(min(node.value.value, EPOCHS))
        return node


def install(library, record):
    """Cut `fit`, `evaluate`, `predict`; `record(method, numbers)` gets what the outermost calls return."""
    active = []

    def wrap(name, cut):
        original = getattr(library.Model, name)
        signature = inspect.signature(original)

        @functools.wraps(original)
        def method(self, *args, **kwargs):
            if active:
                return original(self, *args, **kwargs)
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            complete = cut(bound.arguments)
            active.append(name)
            try:
                result = original(*bound.args, **bound.kwargs)
            finally:
                active.pop()
            record(name, numbers(result))
            return complete(result) if complete else result

        setattr(library.Model, name, method)

    wrap("fit", cut_fit)
    wrap("evaluate", cut_steps)
    wrap("predict", functools.partial(cut_predict, library.tree.map_structure))
    wrap("train_on_batch", lambda arguments: None)
    wrap("test_on_batch", lambda arguments: None)


def cut_fit(arguments):
    """At most EPOCHS epochs of STEPS steps, and as many steps of validation."""
    first, asked = arguments["initial_epoch"], arguments["epochs"]
    arguments["epochs"] = first + min(asked - first, EPOCHS)
    size = set_batch_size(arguments, "batch_size", arguments["x"], arguments["steps_per_epoch"])
    arguments["steps_per_epoch"] = few(arguments["x"], size, arguments["steps_per_epoch"])
    if arguments["validation_data"] is not None:
        data, asked_steps = arguments["validation_data"], arguments["validation_steps"]
        data = data[0] if isinstance(data, (tuple, list)) else data
        arguments["validation_batch_size"] = arguments["validation_batch_size"] or arguments["batch_size"]
        size = set_batch_size(arguments, "validation_batch_size", data, asked_steps)
        arguments["validation_steps"] = few(data, size, asked_steps)
    elif arguments["validation_split"]:
        rows = (batches(arguments["x"], 1) or 0) * arguments["validation_split"]
        size = arguments["validation_batch_size"] or size
        arguments["validation_steps"] = None if rows <= STEPS * size else STEPS
    return functools.partial(lengthen, arguments["epochs"] - first, asked - first)


def set_batch_size(arguments, name, data, steps):
    """The rows of a batch; set where the data are arrays, because Keras divides all rows by a number of steps."""
    size = arguments[name]
    if size is None and arrays(data):
        size = arguments[name] = 32 if steps is None else math.ceil(batches(data, 1) / steps)
    return size or 32


def arrays(data):
    """Whether data are arrays or lists, not batches."""
    while isinstance(data, (dict, list, tuple)) and data:
        if isinstance(data, list) and not hasattr(data[0], "shape"):
            return True
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    return hasattr(data, "shape")


def lengthen(run, asked, history):
    """The last epoch's numbers for the epochs that were left out: programs plot by the number of epochs."""
    for values in (history.epoch, *history.history.values()):
        if len(values) == run:
            values.extend(values[-1:] * (asked - run))
    return history


def cut_steps(arguments):
    """At most STEPS steps."""
    size = set_batch_size(arguments, "batch_size", arguments["x"], arguments["steps"])
    arguments["steps"] = few(arguments["x"], size, arguments["steps"])


def cut_predict(map_structure, arguments):
    """At most STEPS steps; the rows that were computed are repeated to the number of rows of an array."""
    size = set_batch_size(arguments, "batch_size", arguments["x"], arguments["steps"])
    if arguments["steps"] is not None:
        arguments["steps"] = min(arguments["steps"], STEPS)
        return None
    rows = batches(arguments["x"], 1)
    if not hasattr(arguments["x"], "shape") or rows <= STEPS * size:
        return None
    arguments["steps"] = STEPS
    return lambda result: map_structure(lambda values: np.resize(values, (rows, *values.shape[1:])), result)


def few(data, size, steps):
    """The number of steps; None for all of them, where they are few."""
    if steps is not None:
        return min(int(steps), STEPS)
    count = batches(data, size)
    return None if count is not None and count <= STEPS else STEPS


def batches(data, size):
    """How many batches the data has; None where that is unknown."""
    while isinstance(data, (dict, list, tuple)) and data:
        if isinstance(data, list) and np.ndim(data[0]) == 0 and not hasattr(data[0], "shape"):
            return math.ceil(len(data) / size)  # a list of numbers or strings
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    shape = getattr(data, "shape", None)
    if shape is not None:
        return math.ceil(shape[0] / size)
    try:
        return len(data)
    except TypeError:  # a generator, or a tf.data.Dataset of unknown length
        return None


def numbers(result):
    """The losses and metrics of a History, a dict, a list or a number; arrays are checked by `finite` alone."""
    history = getattr(result, "history", result)
    if isinstance(history, dict):
        return {
            str(key): np.asarray(value, "float64").ravel().tolist() for key, value in history.items() if plain(value)
        }
    if isinstance(history, (list, tuple)) and not all(np.ndim(value) == 0 for value in history):
        return {"finite": [float(all(finite(value) for value in history))]}
    if np.ndim(history) == 0 or isinstance(history, (list, tuple)):
        return {"loss": np.asarray(history, "float64").ravel()[:1].tolist()} if history is not None else {}
    return {"finite": [float(finite(history))]}


def plain(value):
    """Whether a value of a history has numbers: callbacks may log others."""
    return np.asarray(value).dtype.kind in "fiub"


def finite(value):
    """Whether an output has finite values only; integers and strings do."""
    value = np.asarray(value)
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())
