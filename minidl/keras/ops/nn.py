"""For type checkers: `minidl.keras.ops.nn` is minidl.ops.nn itself."""

from minidl.ops.nn import *
