"""For type checkers: `minidl.keras.layers` is minidl.layers itself."""

from minidl.layers import *
from minidl.layers.attention import *
from minidl.layers.convolution import *
from minidl.layers.normalization import *
from minidl.layers.pooling import *
from minidl.layers.preprocessing import *
from minidl.layers.recurrent import *
