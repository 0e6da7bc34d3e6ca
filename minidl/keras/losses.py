"""For type checkers: `minidl.keras.losses` is minidl.losses itself."""

from minidl.losses import *
