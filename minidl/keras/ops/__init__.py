"""For type checkers: `minidl.keras.ops` is minidl.ops itself."""

from minidl.ops import *
