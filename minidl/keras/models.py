"""For type checkers: `minidl.keras.models` is minidl.models itself."""

from minidl.models import *
