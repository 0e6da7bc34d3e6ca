"""Selects the form of a kernel, by the platform that a program is lowered for.

The platform and the setting are part of the keys of JAX's caches of traced and compiled functions, so that a program is
traced again if another form is to run.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import jax

MODES = ("auto", "reference")
SHARDED = "sharded"  # in the place of a platform: several devices of any, which share a batch


def _checked(kernels: str, where: str) -> str:
    if kernels not in MODES:
        raise ValueError(f"{where} must be one of {', '.join(map(repr, MODES))}, got {kernels!r}.")
    return kernels


_mode: Any = jax.make_user_context(_checked(os.environ.get("MINIDL_KERNELS", "auto"), "MINIDL_KERNELS"))
_lowered_for: Any = jax.make_user_context(None)


def set_kernels(kernels: str) -> None:
    """Select the forms of the kernels: matrix products, convolutions, recurrences, attention and so on.

    The environment variable MINIDL_KERNELS sets the initial value.

    Args:
        kernels: "auto" for the form that is fastest on the platform, "reference" for the formulas of
            `minidl/kernels/reference.py` everywhere.

    Raises:
        ValueError: another value.

    Example:
    >>> import minidl
    >>> minidl.config.set_kernels("reference")
    >>> minidl.config.kernels()
    'reference'
    >>> minidl.config.set_kernels("auto")
    """
    _mode.set_global(_checked(kernels, "set_kernels: kernels"))


def mode() -> str:
    """The selected forms of the kernels: "auto" or "reference"."""
    return _mode.value


def lowered_for(platform: str) -> contextlib.AbstractContextManager[Any]:
    """Inside, functions are traced for a platform: "cpu", "gpu", "tpu", `SHARDED`, or "any" for the reference forms."""
    return _lowered_for(platform)


def platform(*arrays: Any) -> str:
    """The platform of a computation: that of the arrays or, while tracing, the one that is lowered for.

    >>> platform(jax.device_put(1.0, jax.devices("cpu")[0]))
    'cpu'
    """
    for array in arrays:
        if isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer):
            return next(iter(array.devices())).platform
    if (given := _lowered_for.value) is not None:
        return given
    device: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    if device is None:
        return jax.default_backend()
    return device if isinstance(device, str) else device.platform
