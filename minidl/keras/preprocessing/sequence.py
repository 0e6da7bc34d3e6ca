"""For type checkers: `minidl.keras.preprocessing.sequence` is minidl.preprocessing.sequence itself."""

from minidl.preprocessing.sequence import *
