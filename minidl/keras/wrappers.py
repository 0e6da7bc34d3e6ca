"""For type checkers: `minidl.keras.wrappers` is minidl.wrappers itself."""

from minidl.wrappers import *
