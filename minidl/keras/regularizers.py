"""For type checkers: `minidl.keras.regularizers` is minidl.regularizers itself."""

from minidl.regularizers import *
