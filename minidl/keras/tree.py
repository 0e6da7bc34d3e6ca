"""For type checkers: `minidl.keras.tree` is minidl.tree itself."""

from minidl.tree import *
