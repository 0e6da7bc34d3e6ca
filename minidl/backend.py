"""Functions that programs import from `keras.backend`: dtypes, global settings, and resetting the session."""

from minidl.config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from minidl.core.dtypes import is_float as is_float_dtype
from minidl.core.dtypes import is_int as is_int_dtype
from minidl.core.dtypes import result_type
from minidl.core.dtypes import standard as standardize_dtype
from minidl.core.symbolic import is_keras_tensor
from minidl.core.variables import Variable, name_scope
from minidl.utils.session import clear_session

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
