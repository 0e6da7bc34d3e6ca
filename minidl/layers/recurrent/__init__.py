"""Recurrent layers, a file for each cell and each wrapper."""

from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.layers.recurrent.time_distributed import TimeDistributed

__all__ = [
    "GRU",
    "GRUCell",
    "LSTM",
    "LSTMCell",
    "RNN",
    "Bidirectional",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TimeDistributed",
]
