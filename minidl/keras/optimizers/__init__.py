"""For type checkers: `minidl.keras.optimizers` is minidl.optimizers itself."""

from minidl.optimizers import *
