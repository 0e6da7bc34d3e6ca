"""For type checkers: `minidl.keras.datasets.reuters` is minidl.datasets.reuters itself."""

from minidl.datasets.reuters import *
