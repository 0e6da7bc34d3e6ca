"""For type checkers: `minidl.keras.mixed_precision` is minidl.mixed_precision itself."""

from minidl.mixed_precision import *
