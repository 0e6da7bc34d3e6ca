"""For type checkers: `minidl.keras.utils.bounding_boxes` is minidl.utils.bounding_boxes itself."""

from minidl.utils.bounding_boxes import *
