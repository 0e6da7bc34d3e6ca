"""For type checkers: `minidl.keras.preprocessing` is minidl.preprocessing itself."""

from minidl.preprocessing import *
