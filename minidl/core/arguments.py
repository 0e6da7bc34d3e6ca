"""Misspelt arguments: errors that suggest the names that a function or a class takes."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from minidl.core.naming import is_own

# Names of older versions of Keras.
_FORMER = {
    "lr": "learning_rate",
    "nb_epoch": "epochs",
    "output_dim": "units",
    "border_mode": "padding",
    "subsample": "strides",
    "init": "kernel_initializer",
    "nb_filter": "filters",
    "p": "rate",
}
_OTHERWISE = {"decay": "Pass a schedule such as schedules.InverseTimeDecay as learning_rate, or see weight_decay."}


class ArgumentError(TypeError, ValueError):
    """An argument that a constructor does not take: a TypeError as in Python, and a ValueError as in Keras."""


class CheckedArguments:
    """A base of classes whose constructors name similar arguments for one that they do not take.

    >>> class Stopping(CheckedArguments):
    ...     def __init__(self, patience=0): pass
    >>> Stopping(patient=3)
    Traceback (most recent call last):
        ...
    minidl.core.arguments.ArgumentError: Stopping: unknown argument 'patient'. Did you mean 'patience'?
    """

    takes_any_argument = False  # whether `**kwargs` are not those of the base

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_arguments(cls, args, kwargs)
        if kwargs and not cls.takes_any_argument and (known := _passed_on(cls)) is not None:  # type: ignore[arg-type]
            if unknown := [name for name in kwargs if name not in known]:
                raise ArgumentError(unknown_argument(cls.__name__, unknown, known))
        return super().__new__(cls)

    # of a class without a constructor
    __new__.__signature__ = inspect.Signature([inspect.Parameter("cls", inspect.Parameter.POSITIONAL_ONLY)])  # type: ignore[attr-defined]


def check_arguments(cls: type, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that the signature of a class's constructor does not take.

    Raises:
        ArgumentError: unknown arguments; the message suggests similar names.
        TypeError: arguments are missing, or too many.
    """
    if not args and not kwargs:
        return  # a copy or an unpickled object is made without the constructor, which itself says what is missing
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return  # its signature would be parsed from text, and takes anything
    try:
        _check_fits(cls.__init__, len(args), tuple(kwargs))  # type: ignore[misc]
    except TypeError as error:
        known = constructor_arguments(cls)
        if unknown := [name for name in kwargs if name not in known]:
            raise ArgumentError(unknown_argument(cls.__name__, unknown, known)) from None
        raise TypeError(f"{cls.__name__}: {error}. It takes {', '.join(known)}.") from None


def constructor_arguments(cls: type) -> list[str]:
    """The arguments of a constructor, and of those that it passes `**kwargs` on to."""
    return list(dict.fromkeys(name for parameters in _constructors(cls) for name in _names(parameters)))


@functools.lru_cache(256)
def _passed_on(cls: type) -> list[str] | None:
    """All arguments of a constructor; None if `**kwargs` of a class that is not minidl's may take others."""
    *_, last = _constructors(cls)
    return None if any(p.kind is p.VAR_KEYWORD for p in last) else constructor_arguments(cls)


def _constructors(cls: type) -> list[list[inspect.Parameter]]:
    """The parameters of a constructor, and of those of its bases as far as minidl's pass `**kwargs` on."""
    found: list[list[inspect.Parameter]] = []
    for base in cls.__mro__[:-1]:
        if "__init__" in vars(base):
            found.append(list(_signature(vars(base)["__init__"]).parameters.values())[1:])
            if not (is_own(base) and any(p.kind is p.VAR_KEYWORD for p in found[-1])):
                return found
    return found or [[]]


@functools.lru_cache(1024)  # most objects are made with the arguments of an earlier one
def _check_fits(function: Callable[..., Any], count: int, names: tuple[str, ...]) -> None:
    """Raise TypeError if a method does not take so many arguments by position, and those of these names."""
    _signature(function).bind(*[None] * (count + 1), **dict.fromkeys(names))


@functools.lru_cache(1024)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _names(parameters: Iterable[inspect.Parameter]) -> list[str]:
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def unknown_argument(where: str, names: Iterable[str], known: Iterable[str]) -> str:
    """The message for arguments that a function or class does not take.

    >>> unknown_argument("Adam", ["lr"], ["learning_rate", "beta_1"])
    "Adam: unknown argument 'lr'. Did you mean 'learning_rate'?"
    """
    parts, known = [], list(known)
    for name in names:
        former = _FORMER.get(name)
        near = [former] if former in known else difflib.get_close_matches(name, known, n=2, cutoff=0.6)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It takes {', '.join(known)}."
        parts.append(f"unknown argument {name!r}. {_OTHERWISE.get(name, hint)}")
    return f"{where}: " + " And ".join(parts)


def explained(function: Callable[..., Any], given: Mapping[str, Any], further: Sequence[str] = ()) -> str | None:
    """The message for a call with arguments that a function does not take; None if it takes all that are given."""
    parameters = inspect.signature(function).parameters
    known = list(dict.fromkeys([*(name for name in parameters if name != "self"), *further]))
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or not (unknown := given.keys() - set(known)):
        return None
    return unknown_argument(function.__name__, sorted(unknown), known)
