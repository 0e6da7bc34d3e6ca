"""For type checkers: `minidl.keras.backend` is minidl.backend itself."""

from minidl.backend import *
