"""For type checkers: `minidl.keras.datasets.mnist` is minidl.datasets.mnist itself."""

from minidl.datasets.mnist import *
