"""For type checkers: `minidl.keras.dtype_policies` is minidl.dtype_policies itself."""

from minidl.dtype_policies import *
