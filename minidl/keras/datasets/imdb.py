"""For type checkers: `minidl.keras.datasets.imdb` is minidl.datasets.imdb itself."""

from minidl.datasets.imdb import *
