"""For type checkers: `minidl.keras.optimizers.schedules` is minidl.optimizers.schedules itself."""

from minidl.optimizers.schedules import *
