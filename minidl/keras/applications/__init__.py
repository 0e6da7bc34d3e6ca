"""For type checkers: `minidl.keras.applications` is minidl.applications itself."""

from minidl.applications import *
