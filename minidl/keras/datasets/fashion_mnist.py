"""For type checkers: `minidl.keras.datasets.fashion_mnist` is minidl.datasets.fashion_mnist itself."""

from minidl.datasets.fashion_mnist import *
