"""For type checkers: `minidl.keras.applications.efficientnet` is minidl.applications.efficientnet itself."""

from minidl.applications.efficientnet import *
