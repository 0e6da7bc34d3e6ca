"""Settings of the whole library, under the names that Keras gives them."""

from minidl.dtypes import (
    dtype_policy,
    epsilon,
    floatx,
    set_dtype_policy,
    set_epsilon,
    set_floatx,
)

__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
]


def backend() -> str:
    """What computes: always "jax"."""
    return "jax"


def image_data_format() -> str:
    """Where the channels of images are: always "channels_last", unless a layer says otherwise.

    >>> image_data_format()
    'channels_last'
    """
    return "channels_last"
