"""For type checkers: `minidl.keras.metrics` is minidl.metrics itself."""

from minidl.metrics import *
