"""For type checkers: `minidl.keras.datasets.cifar100` is minidl.datasets.cifar100 itself."""

from minidl.datasets.cifar100 import *
