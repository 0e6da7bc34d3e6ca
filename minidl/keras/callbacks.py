"""For type checkers: `minidl.keras.callbacks` is minidl.callbacks itself."""

from minidl.callbacks import *
