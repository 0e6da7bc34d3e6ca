"""For type checkers: `minidl.keras.datasets.cifar10` is minidl.datasets.cifar10 itself."""

from minidl.datasets.cifar10 import *
