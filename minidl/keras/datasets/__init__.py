"""For type checkers: `minidl.keras.datasets` is minidl.datasets itself."""

from minidl.datasets import *
