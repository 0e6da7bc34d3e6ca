"""What programs take from `keras.backend`: number formats, and clearing what a session has left."""

from minidl.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from minidl.dtypes import is_float as is_float_dtype
from minidl.dtypes import is_int as is_int_dtype
from minidl.dtypes import result_type
from minidl.dtypes import standard as standardize_dtype
from minidl.symbolic import is_keras_tensor
from minidl.utils.session import clear_session
from minidl.variables import Variable, name_scope

__all__ = [
    "Variable",
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
