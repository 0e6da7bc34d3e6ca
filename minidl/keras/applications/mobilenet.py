"""For type checkers: `minidl.keras.applications.mobilenet` is minidl.applications.mobilenet itself."""

from minidl.applications.mobilenet import *
