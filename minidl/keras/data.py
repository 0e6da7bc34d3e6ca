"""For type checkers: `minidl.keras.data` is minidl.data itself."""

from minidl.data import *
