"""For type checkers: `minidl.keras.ops.linalg` is minidl.ops.linalg itself."""

from minidl.ops.linalg import *
