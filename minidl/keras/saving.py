"""For type checkers: `minidl.keras.saving` is minidl.saving itself."""

from minidl.saving import *
