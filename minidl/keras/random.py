"""For type checkers: `minidl.keras.random` is minidl.random itself."""

from minidl.random import *
