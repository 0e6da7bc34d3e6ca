"""For type checkers: `minidl.keras.datasets.california_housing` is minidl.datasets.california_housing itself."""

from minidl.datasets.california_housing import *
