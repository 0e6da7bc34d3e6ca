"""For type checkers and editors: `minidl.keras` is minidl itself, and these files are never imported.

Each has the public names of the module of minidl that is imported under its name.
"""

from minidl import *
from minidl import __version__ as __version__
from minidl import applications as applications
from minidl import wrappers as wrappers
