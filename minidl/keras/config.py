"""For type checkers: `minidl.keras.config` is minidl.config itself."""

from minidl.config import *
