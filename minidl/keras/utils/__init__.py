"""For type checkers: `minidl.keras.utils` is minidl.utils itself."""

from minidl.utils import *
