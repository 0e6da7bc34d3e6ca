"""For type checkers: `minidl.keras.datasets.digits` is minidl.datasets.digits itself."""

from minidl.datasets.digits import *
