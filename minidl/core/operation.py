"""Decorator that lets functions of arrays take symbolic tensors, variables and Python lists too."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

from minidl.core import structures
from minidl.core.arguments import explained
from minidl.core.symbolic import apply, is_symbolic
from minidl.core.tracebacks import clean
from minidl.core.variables import Variable, to_array

# The names of parameters that are arrays, of those that are sequences of arrays, and of the functions in a graph.
_ARRAYS = frozenset(
    "x x1 x2 y a b abs_ angle array condition data segment_ids targets predictions inputs images transform kernel "
    "depthwise_kernel pointwise_kernel target output target_length output_length mean variance offset scale gamma beta "
    "query key value bias mask indices values updates start_indices sorted_sequence bins weights start stop q x_min "
    "x_max fill_value variable sequences coordinates y_true y_pred start_points end_points default window volumes "
    "image1 image2 translation".split()
)
_SEQUENCES = frozenset(("xs", "operands", "condlist", "choicelist"))
_NOT_ARRAYS = {"get_item": ("x", "key"), "stack": ("x",), "meshgrid": ("x",)}  # sequences under the name of an array

_Converter = Callable[[Any], Any]

# operations outside of minidl.ops, by their names in saved graphs
FUNCTIONS: dict[str, Callable[..., Any]] = {}


def operation(function: Callable[..., Any], name: str | None = None, converts: bool = True) -> Callable[..., Any]:
    """Let a function take symbolic tensors (adding a node to their graph), variables and lists.

    Args:
        function: arrays in, arrays out. Its parameters' names say which are arrays.
        name: the name of the node, default: the function's.
        converts: whether lists become arrays; control flow takes them as structures of arrays.

    >>> from minidl.layers import Input
    >>> double = operation(lambda x: 2 * x)
    >>> double(Input((3,))).shape, double([1.0, 2.0])
    ((None, 3), Array([2., 4.], dtype=float32))
    """
    name = name or function.__name__

    @functools.wraps(function)
    def compute(*args: Any, **kwargs: Any) -> Any:
        positional, further, by_name = _converters(function) if converts else ([], _same, {})
        return function(
            *(
                convert(_value(value))
                for convert, value in zip(itertools.chain(positional, itertools.repeat(further)), args)
            ),
            **{key: by_name.get(key, _same)(_value(value)) for key, value in kwargs.items()},
        )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if is_symbolic((args, kwargs)):
                return apply(compute, name, *args, **kwargs)
            return compute(*args, **kwargs)
        except Exception as error:
            if isinstance(error, TypeError) and "keyword" in str(error) and (message := explained(function, kwargs)):
                error.args = (message,)
            clean(error)
            raise

    return call


def of_family(family: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `operation`, for functions outside of minidl.ops; node names are prefixed with `family`.

    >>> @of_family("doubles")
    ... def twice(x): return 2 * x
    >>> FUNCTIONS.pop("doubles_twice") is twice
    True
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{family}_{function.__name__}"
        FUNCTIONS[name] = operation(function, name)
        return FUNCTIONS[name]

    return decorate


def _each_to_array(value: Any) -> Any:
    return type(value)(to_array(part) for part in value) if type(value) in (list, tuple) else value


@functools.lru_cache(maxsize=1024)  # computed at the first call: all at an import takes a while
def _converters(function: Callable[..., Any]) -> tuple[list[_Converter], _Converter, dict[str, _Converter]]:
    """The converters of positional parameters, of `*args`, and of keyword arguments."""
    positional: list[_Converter] = []
    further: _Converter = _same
    by_name: dict[str, _Converter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        is_sequence = name in _SEQUENCES or name in _NOT_ARRAYS.get(function.__name__, ())
        converter = _each_to_array if is_sequence else to_array if name in _ARRAYS else _same
        if parameter.kind is parameter.VAR_POSITIONAL:
            further = to_array
        elif parameter.kind is not parameter.VAR_KEYWORD:
            by_name[name] = converter
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append(converter)
    return positional, further, by_name


def _value(argument: Any) -> Any:
    """An argument with variables replaced by their values."""
    if isinstance(argument, Variable):
        return argument.value
    if isinstance(argument, (list, tuple, dict)):
        return structures.map(_value_of_leaf, argument)
    return argument


def _value_of_leaf(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def _same(value: Any) -> Any:
    return value
