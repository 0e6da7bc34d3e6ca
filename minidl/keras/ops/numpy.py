"""For type checkers: `minidl.keras.ops.numpy` is minidl.ops.numpy itself."""

from minidl.ops.numpy import *
