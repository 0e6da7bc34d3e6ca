"""For type checkers: `minidl.keras.ops.image` is minidl.ops.image itself."""

from minidl.ops.image import *
