"""Dtypes: the default float type, epsilon, and dtype policies.

A policy has two dtypes: the one that a layer computes in and the one of its weights. They differ only in mixed
precision, where a layer computes in bfloat16 and keeps its weights in float32.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Config, DType

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "policy": None}


def floatx() -> str:
    """The default float type of weights and computations: "float32" unless changed.

    >>> floatx()
    'float32'
    """
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Change the default float type ("float16", "bfloat16", "float32" or "float64")."""
    if value not in _FLOATS:
        raise ValueError(f"set_floatx: expected one of {_FLOATS}, got {value!r}.")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small constant that keeps logarithms and divisions finite: 1e-7 unless changed."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Change epsilon."""
    _settings["epsilon"] = float(value)


def canonical(dtype: DType | DTypePolicy | None) -> str:
    """The name of a dtype as JAX will store it: with 64-bit types off, "float64" is "float32".

    Raises:
        ValueError: an unknown dtype.

    >>> canonical(np.int8), canonical("float"), canonical(None)
    ('int8', 'float32', 'float32')
    """
    if isinstance(dtype, DTypePolicy):
        dtype = dtype.variable_dtype
    dtype = _named(dtype)
    if dtype is None:
        return floatx()
    if isinstance(dtype, str) and dtype == "string":  # of symbolic tensors: text, which stays on the host
        return dtype
    try:
        return str(jax.dtypes.canonicalize_dtype(dtype))
    except TypeError as error:
        raise ValueError(f"Unknown dtype {dtype!r}: expected one such as 'float32', 'int32' or 'bool'.") from error


def standard(dtype: DType | None) -> str:
    """The name of a dtype, unchanged: of Python's `int` and `float`, NumPy's types, an array's `dtype`.

    Raises:
        ValueError: an unknown dtype.

    >>> standard(np.float64), standard(int), standard("bfloat16"), standard(None)
    ('float64', 'int32', 'bfloat16', 'float32')
    """
    if dtype is None:
        return floatx()
    dtype = _named(dtype)
    try:
        return np.dtype(jnp.dtype(dtype)).name
    except TypeError as error:
        raise ValueError(f"Invalid dtype: {dtype!r}; expected one such as 'float32', 'int32' or 'bool'.") from error


def result_type(*types: Any) -> str:
    """The result dtype by JAX's promotion rules; Python's `int` and `float` are weakly typed.

    >>> result_type("int32", "float32"), result_type("bfloat16", int), result_type()
    ('float32', 'bfloat16', 'float32')
    """
    if not types:
        return floatx()
    return jnp.result_type(*(floatx() if dtype is None else dtype for dtype in types)).name


def is_float(dtype: DType) -> bool:
    """Whether the dtype is a floating-point type (bfloat16 included).

    >>> is_float("bfloat16"), is_float(np.int32)
    (True, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(dtype), jnp.floating))


def is_int(dtype: DType) -> bool:
    """Whether the dtype is an integer type.

    >>> is_int("uint8"), is_int(np.float32), is_int("bool")
    (True, False, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(dtype), jnp.integer))


def _named(dtype: Any) -> Any:
    """Python's float and int, and the dtypes of TensorFlow and PyTorch, by the names that JAX has; others unchanged."""
    if isinstance(name := getattr(dtype, "name", None), str):
        return name
    if type(dtype).__module__ == "torch":
        return str(dtype).removeprefix("torch.")
    if isinstance(dtype, (str, type)) and dtype in ("float", "int", float, int):
        return floatx() if dtype in ("float", float) else "int32"
    return dtype


class DTypePolicy:
    """The dtype that a layer computes in (`compute_dtype`) and that of its weights (`variable_dtype`).

    Args:
        name: a float type for both; or "mixed_bfloat16" or "mixed_float16", which
            compute in 16 bits and store float32.

    >>> DTypePolicy("mixed_bfloat16").compute_dtype
    'bfloat16'
    """

    def __init__(self, name: str | None = None):
        self.name = name or floatx()
        if self.name in ("mixed_bfloat16", "mixed_float16"):
            self.compute_dtype, self.variable_dtype = self.name.removeprefix("mixed_"), "float32"
        else:
            try:
                self.compute_dtype = self.variable_dtype = np.dtype(jnp.dtype(self.name)).name
            except TypeError as error:
                raise ValueError(
                    f"Unknown dtype policy {name!r}: expected a dtype such as 'float32', "
                    "or 'mixed_bfloat16' or 'mixed_float16'."
                ) from error

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """The policy of a config made by `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def dtype_policy() -> DTypePolicy:
    """The default policy of layers."""
    return _settings["policy"] or DTypePolicy(floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Change the default policy, for layers created from now on."""
    _settings["policy"] = get(policy)


def reset_dtype_policy() -> None:
    """Reset the default policy to that of `floatx()`."""
    _settings["policy"] = None


def get(policy: DType | DTypePolicy | Config | None) -> DTypePolicy:
    """Look up a policy: by name, config or dtype; a policy is returned as it is, None gives the default."""
    if policy is None:
        return dtype_policy()
    if isinstance(policy, DTypePolicy):
        return policy
    if isinstance(policy, dict):
        return DTypePolicy(policy.get("config", policy)["name"])
    given: Any = _named(policy)
    return DTypePolicy(given if isinstance(given, str) else np.dtype(jnp.dtype(given)).name)
