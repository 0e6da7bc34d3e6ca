"""Recurrent layers and their cells."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(2, 4, 5)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 4, 4, 2)).astype("float32")
X = RNG.normal(size=(2, 5)).astype("float32")
H = RNG.normal(size=(2, 3)).astype("float32")

ROWS = {
    "SimpleRNN": Row(layers.SimpleRNN, {"units": 3}, STEPS),
    "SimpleRNN dropout": Row(
        layers.SimpleRNN,
        {"units": 3, "dropout": 0.5, "recurrent_dropout": 0.5},
        STEPS,
        differs_in_training=True,
        draws_in_inference=True,
    ),
    "GRU": Row(layers.GRU, {"units": 3, "return_sequences": True, "return_state": True}, STEPS),
    "GRU reset before": Row(layers.GRU, {"units": 3, "reset_after": False, "go_backwards": True}, STEPS),
    "LSTM": Row(layers.LSTM, {"units": 3, "return_state": True, "unroll": True}, STEPS),
    "LSTM dropout": Row(
        layers.LSTM,
        {"units": 3, "dropout": 0.5, "return_sequences": True, "seed": 1},
        STEPS,
        differs_in_training=True,
        draws_in_inference=True,
    ),
    "ConvLSTM1D": Row(layers.ConvLSTM1D, {"filters": 3, "kernel_size": 2, "return_state": True}, IMAGES[:, :, 0]),
    "ConvLSTM2D": Row(
        layers.ConvLSTM2D, {"filters": 2, "kernel_size": 3, "padding": "same", "return_sequences": True}, IMAGES
    ),
    "ConvLSTM2D dropout": Row(
        layers.ConvLSTM2D,
        {"filters": 2, "kernel_size": 2, "strides": 2, "dropout": 0.5, "recurrent_dropout": 0.5},
        IMAGES,
        differs_in_training=True,
        draws_in_inference=True,
    ),
    "ConvLSTM3D": Row(
        layers.ConvLSTM3D, {"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, IMAGES[:, :, None]
    ),
    "SimpleRNNCell": Row(layers.SimpleRNNCell, {"units": 3}, (X, [H])),
    "GRUCell": Row(layers.GRUCell, {"units": 3, "use_bias": False}, (X, [H])),
    "LSTMCell": Row(layers.LSTMCell, {"units": 3, "unit_forget_bias": False}, (X, [H, H])),
    "TimeDistributed": Row(layers.TimeDistributed, lambda: {"layer": layers.Conv2D(2, 3, name="inner")}, IMAGES),
    "Bidirectional": Row(
        layers.Bidirectional,
        lambda: {"layer": layers.LSTM(3, return_sequences=True, name="lstm"), "merge_mode": "sum"},
        STEPS,
    ),
    "RNN": Row(layers.RNN, lambda: {"cell": layers.GRUCell(3, name="cell"), "return_sequences": True}, STEPS),
    "StackedRNNCells": Row(
        layers.StackedRNNCells,
        lambda: {"cells": [layers.GRUCell(3, name="first"), layers.LSTMCell(3, name="second")]},
        (X, [[H], [H, H]]),
    ),
}
