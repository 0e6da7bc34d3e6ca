"""For type checkers: `minidl.keras.initializers` is minidl.initializers itself."""

from minidl.initializers import *
