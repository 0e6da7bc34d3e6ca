"""For type checkers: `minidl.keras.datasets.boston_housing` is minidl.datasets.boston_housing itself."""

from minidl.datasets.boston_housing import *
