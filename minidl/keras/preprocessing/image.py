"""For type checkers: `minidl.keras.preprocessing.image` is minidl.preprocessing.image itself."""

from minidl.preprocessing.image import *
