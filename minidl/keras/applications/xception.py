"""For type checkers: `minidl.keras.applications.xception` is minidl.applications.xception itself."""

from minidl.applications.xception import *
