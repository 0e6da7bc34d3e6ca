"""Number formats: the default float type, the fuzz factor epsilon, and dtype policies.

A policy names two types: the one a layer computes in and the one its weights
are stored in. They differ only in mixed precision, where a layer multiplies in
bfloat16 and keeps its weights in float32.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    """The fuzz factor that keeps logarithms and divisions finite: 1e-7 unless changed."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Change the fuzz factor."""
    _settings["epsilon"] = float(value)


def canonical(dtype: Any) -> str:
    """The name of a dtype as JAX will store it: with 64-bit types off, "float64" is "float32".

    Raises:
        ValueError: no such dtype.

    >>> canonical(np.int8), canonical("float"), canonical(None)
    ('int8', 'float32', 'float32')
    """
    if dtype is None or dtype == "float":
        return floatx()
    if isinstance(dtype, DTypePolicy):
        dtype = dtype.variable_dtype
    if dtype == "int":
        dtype = "int32"
    if isinstance(dtype, str) and dtype == "string":  # of symbolic tensors: text, which stays on the host
        return dtype
    try:
        return str(jax.dtypes.canonicalize_dtype(dtype))
    except TypeError as error:
        raise ValueError(f"Unknown dtype {dtype!r}: expected one such as 'float32', 'int32' or 'bool'.") from error


def standard(dtype: Any) -> str:
    """The name of a dtype, as it is: of Python's `int` and `float`, of NumPy's types, of an array's `dtype`.

    Raises:
        ValueError: no such dtype.

    >>> standard(np.float64), standard(int), standard("bfloat16"), standard(None)
    ('float64', 'int32', 'bfloat16', 'float32')
    """
    if dtype is None:
        return floatx()
    try:
        return {int: "int32", float: "float32"}.get(dtype) or np.dtype(jnp.dtype(dtype)).name
    except TypeError as error:
        raise ValueError(f"Invalid dtype: {dtype!r}; expected one such as 'float32', 'int32' or 'bool'.") from error


def result_type(*types: Any) -> str:
    """The dtype of a computation on these dtypes, by JAX's rules; Python's `int` and `float` follow the others.

    >>> result_type("int32", "float32"), result_type("bfloat16", int), result_type()
    ('float32', 'bfloat16', 'float32')
    """
    if not types:
        return floatx()
    return jnp.result_type(*(floatx() if dtype is None else dtype for dtype in types)).name


def is_float(dtype: Any) -> bool:
    """Whether the dtype is a floating-point one (bfloat16 included).

    >>> is_float("bfloat16"), is_float(np.int32)
    (True, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(dtype), jnp.floating))


def is_int(dtype: Any) -> bool:
    """Whether the dtype is one of whole numbers.

    >>> is_int("uint8"), is_int(np.float32), is_int("bool")
    (True, False, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(dtype), jnp.integer))


class DTypePolicy:
    """What a layer computes in (`compute_dtype`) and stores its weights in (`variable_dtype`).

    Args:
        name: a float type, for both; or "mixed_bfloat16" or "mixed_float16", which
            compute in the short type and store float32.

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
        """The policy that `get_config` described."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none."""
    return _settings["policy"] or DTypePolicy(floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Change the policy of layers made from now on."""
    _settings["policy"] = get(policy)


def reset_dtype_policy() -> None:
    """Let layers follow `floatx()` again."""
    _settings["policy"] = None


def get(policy: Any) -> DTypePolicy:
    """The policy that an identifier stands for: a policy, its name, its config, or None."""
    if policy is None:
        return dtype_policy()
    if isinstance(policy, DTypePolicy):
        return policy
    if isinstance(policy, dict):
        return DTypePolicy(policy.get("config", policy)["name"])
    if isinstance(policy, str):
        return DTypePolicy(policy)
    return DTypePolicy(np.dtype(jnp.dtype(policy)).name)
