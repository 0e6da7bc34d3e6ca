"""A key that two models share where any function of them traces to the same program.

It describes a graph of objects: the classes, the settings and the shapes of the variables, and which object is kept in
which places; but not automatic names of layers, the values of variables, or seeds. A graph that holds anything which is
not minidl's own and not plain data has no key: a user's function or class may read what cannot be seen from here.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import operator
import re
import sys
import types
from collections.abc import Hashable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.core.naming import is_own, snake_case
from minidl.core.object_graph import PLAIN
from minidl.core.variables import Variable

_TRUSTED = ("minidl", "jax", "optax", "numpy", "_operator")
_LARGEST = 2**22  # bytes of an array that is a setting, which is hashed
_OF_VARIABLES = ("trainable", "autocast", "aggregation", "overwrite_with_gradient", "constraint", "regularizer")
# Attributes that no step reads: what an object was made with, its name and seed, and what it keeps for itself.
_NOT_READ = frozenset(
    {
        *("name", "seed", "stop_training", "stop_evaluating", "stop_predicting"),
        *("_nodes", "_steps", "_compiled_call", "_fitting", "_known_inputs", "_has_warned", "checked"),
    }
)


class _UnknownError(Exception):
    """Something of which not all can be seen."""


class _Same:
    """A function or class: the key of another object is another one. It is kept, so that its id is not used again.

    Args:
        value: the object; or the values of all attributes of a class, and that class.
    """

    def __init__(self, value: Any, cls: type | None = None):
        self._value = value
        self._class = cls

    @functools.cached_property
    def text(self) -> str:
        """Where it is found in every process."""
        return _where(self._value) if self._class is None else _methods(self._class)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def structural_key(*roots: Any, named: tuple[type, ...] = (), numbered: tuple[type, ...] = ()) -> Hashable | None:
    """The key of a graph of objects; None where it has none.

    Args:
        *roots: the objects to start from.
        named: the classes whose names a step reads: of metrics, which report by them.
        numbered: the classes whose automatic names may stand elsewhere, of layers. Where one does, it is described by
            whose name it is; any other text is described as it is.

    >>> from minidl.layers import Dense
    >>> structural_key(Dense(3)) == structural_key(Dense(3)), structural_key(Dense(3)) == structural_key(Dense(4))
    (True, False)
    >>> structural_key(Dense(3, activation=lambda x: x)) is None
    True
    """
    try:
        return _settings(), *_Description(named, numbered).of(roots)
    except (_UnknownError, RecursionError):
        return None


@functools.lru_cache(maxsize=64)
def text_of(key: Hashable) -> str | None:
    """A key as text, which is the same in all processes that have the same libraries.

    None where a program has exchanged a method, since another process may have another one in its place.
    """
    try:
        return _text(key)
    except _UnknownError:
        return None


def _text(key: Any) -> str:
    if isinstance(key, _Same):
        return key.text
    if type(key) is tuple:
        return f"({','.join(map(_text, key))})"
    return repr(key) if type(key) in PLAIN or type(key) in (bytes, jax.tree_util.PyTreeDef) else _unknown()


def _settings() -> tuple[Hashable, ...]:
    """What functions of minidl read in addition to their arguments."""
    is_wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    return config.kernels(), config.floatx(), config.epsilon(), config.image_data_format(), is_wide


class _Description:
    """The description of a graph, as it is walked: an object that was met before is described by its number."""

    def __init__(self, named: tuple[type, ...], numbered: tuple[type, ...]):
        self._named, self._numbered = named, numbered
        self._seen: dict[int, tuple[int, Any]] = {}  # id -> number, and the object, so that its id is not used again
        self._names: dict[str, int] = {}  # automatic names -> number

    def of(self, value: Any) -> tuple[Hashable, ...]:
        cls = type(value)
        if cls is str:
            return (value,) if value not in self._names else ("name of", self._names[value])
        if cls in PLAIN or cls is bytes or value is Ellipsis:
            return cls.__name__, repr(value)
        if isinstance(value, tuple) and (cls is tuple or hasattr(cls, "_fields")):
            return (_Same(cls), *map(self.of, value))  # in how many places one is kept makes no difference
        if id(value) in self._seen:
            return "seen", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        if cls is list:
            return ("list", *map(self.of, value))
        if cls is dict:
            return "dict", *((self.of(key), self.of(item)) for key, item in list(value.items()))
        if cls in (set, frozenset):
            return (
                (cls.__name__, *sorted(map(repr, value))) if all(type(item) in PLAIN for item in value) else _unknown()
            )
        return self._of_object(value, cls)

    def _of_object(self, value: Any, cls: type) -> tuple[Hashable, ...]:
        if isinstance(value, Variable):
            settings = (self.of(getattr(value, name, None)) for name in _OF_VARIABLES)
            return "variable", value.shape, str(value._value.dtype), *settings
        if isinstance(value, (np.ndarray, np.generic, jax.Array)):
            return _of_array(value)
        if isinstance(value, jax.tree_util.PyTreeDef):
            return "structure", value
        if isinstance(value, (np.dtype, slice, range)):
            return cls.__name__, repr(value)
        if isinstance(value, type):
            return (_Same(value),) if _is_trusted(value) else _unknown()
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, np.ufunc)):
            return self._of_function(value)
        if isinstance(value, types.MethodType):
            return "method", self._of_function(value.__func__), self.of(value.__self__)
        if isinstance(value, functools.partial):
            return "partial", self.of(value.func), self.of(value.args), self.of(value.keywords)
        if callable(value) and _is_trusted(value):  # a compiled function, or a ufunc of JAX
            return (_Same(value),)
        if is_own(cls) and _is_where_it_says(cls) and hasattr(value, "__dict__"):
            name = vars(value).get("name")
            if isinstance(value, self._numbered) and isinstance(name, str) and _is_automatic(name, cls):
                self._names.setdefault(name, len(self._names))
            return cls.__name__, _class(cls), *self._attributes(value)
        return _unknown()

    def _attributes(self, value: Any) -> Iterator[Hashable]:
        for name, item in list(vars(value).items()):
            is_read = name not in _NOT_READ or (name == "name" and isinstance(value, self._named))
            if is_read and not name.startswith("_init") and not name.endswith("initializer"):
                yield name, self.of(item)

    def _of_function(self, function: Any) -> tuple[Hashable, ...]:
        if not _is_trusted(function) and not _is_inside_trusted(function):
            _unknown()
        if not getattr(function, "__closure__", None):
            return (_Same(function if _is_trusted(function) else function.__code__), *self._defaults(function))
        cells = [self.of(cell.cell_contents) for cell in function.__closure__]
        return _Same(function.__code__), *self._defaults(function), *cells

    def _defaults(self, function: Any) -> Iterator[Hashable]:
        yield self.of(getattr(function, "__defaults__", None))
        yield self.of(getattr(function, "__kwdefaults__", None))


def _is_automatic(name: str, cls: type) -> bool:
    return re.fullmatch(rf"{snake_case(cls.__name__)}(_\d+)?", name) is not None


def _unknown() -> Any:
    raise _UnknownError


def _of_array(array: Any) -> tuple[Hashable, ...]:
    if isinstance(array, jax.core.Tracer) or array.nbytes > _LARGEST or array.dtype == object:
        return _unknown()
    if isinstance(array, np.ndarray) and array.flags.writeable:
        return _unknown()  # it may change in place
    if isinstance(array, jax.Array) and (array.is_deleted() or jnp.issubdtype(array.dtype, jax.dtypes.prng_key)):
        return _unknown()
    values = np.asarray(array)
    return type(array).__name__, values.shape, str(values.dtype), hashlib.blake2b(values.tobytes()).digest()


_classes: dict[type, tuple[_Same, list[Any]]] = {}


def _class(cls: type) -> _Same:
    """A class of minidl's as its attributes are now: a program may have exchanged a method."""
    now = list(itertools.chain.from_iterable(vars(base).values() for base in cls.__mro__))
    key, before = _classes.get(cls, (None, []))
    if key is None or len(now) != len(before) or not all(map(operator.is_, now, before)):
        key = _Same(now, cls)
        _classes[cls] = key, now
    return key


def _is_trusted(value: Any) -> bool:
    """Whether a function or class is one of minidl's or of the libraries below it, found where it says it lives."""
    module = getattr(value, "__module__", None) or ""
    return module.partition(".")[0] in (*_TRUSTED, "jaxlib", "builtins") and _is_where_it_says(value)


def _is_where_it_says(value: Any) -> bool:
    found: Any = sys.modules.get(value.__module__ or "")
    qualified = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
    for name in qualified.split("."):
        found = getattr(found, name, None)
    return found is value


def _is_inside_trusted(function: Any) -> bool:
    """Whether a function was made by one of these libraries: its globals are theirs, so it reads none of the user's."""
    if not isinstance(function, types.FunctionType):
        return False
    name = str(function.__globals__.get("__name__", ""))
    module = sys.modules.get(name)
    return name.partition(".")[0] in _TRUSTED and module is not None and function.__globals__ is vars(module)


def _where(value: Any) -> str:
    """Where a function or class of a trusted library is defined."""
    if isinstance(value, types.CodeType):
        return f"{value.co_filename}:{value.co_firstlineno}:{value.co_qualname}"
    if isinstance(value, (types.WrapperDescriptorType, types.MethodDescriptorType)):
        return f"{value.__objclass__.__module__}.{value.__qualname__}"  # of a class that is written in C
    if isinstance(value, operator.attrgetter):
        return repr(value)
    if _is_trusted(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', None) or value.__name__}"
    if not _is_inside_trusted(value):
        _unknown()
    inside = [cell.cell_contents for cell in value.__closure__ or ()]
    return f"{_where(value.__code__)}[{','.join(_where(item) if callable(item) else repr(item) for item in inside)}]"


def _methods(cls: type) -> str:
    """A class of minidl's, with the places where its methods are defined."""
    found = [f"{cls.__module__}.{cls.__qualname__}"]
    for base in filter(is_own, cls.__mro__):
        for name, value in vars(base).items():
            functions = [_where(function) for function in _functions(value)]
            found.append(f"{name}={functions or (repr(value) if type(value) in PLAIN else type(value).__name__)}")
    return "|".join(found)


def _functions(value: Any) -> list[Any]:
    """The functions of an attribute of a class."""
    if isinstance(value, (classmethod, staticmethod)):
        return [value.__func__]
    if isinstance(value, functools.cached_property):
        return [value.func]
    parts = (value.fget, value.fset, value.fdel) if isinstance(value, property) else (value,)
    return [part for part in parts if callable(part)]
