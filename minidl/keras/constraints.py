"""For type checkers: `minidl.keras.constraints` is minidl.constraints itself."""

from minidl.constraints import *
