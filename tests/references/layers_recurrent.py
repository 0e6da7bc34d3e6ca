"""Recurrent layers and their cells."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(3, 4, 5)).astype("float32")
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
STATE = RNG.normal(size=(3, 2)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 4, 4, 2)).astype("float32")
ALL = {"return_sequences": True, "return_state": True}
X = RNG.normal(size=(3, 5)).astype("float32")


def minimal(keras):
    """A cell as a user writes it."""

    class Minimal(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), name="recurrent_kernel")

        def call(self, inputs, states):
            output = inputs @ self.kernel.value + states[0] @ self.recurrent_kernel.value
            return output, [output]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Minimal


LAYERS = {
    "simple_rnn": (lambda keras: keras.layers.SimpleRNN(2, **ALL), STEPS),
    "simple_rnn_masked": (lambda keras: keras.layers.SimpleRNN(2), STEPS, {"mask": MASK}),
    "simple_rnn_dropout": (
        lambda keras: keras.layers.SimpleRNN(2, dropout=0.3, recurrent_dropout=0.4, go_backwards=True),
        STEPS,
    ),
    "gru": (lambda keras: keras.layers.GRU(2, bias_initializer="random_normal"), STEPS),
    "gru_masked": (lambda keras: keras.layers.GRU(2, go_backwards=True, **ALL), STEPS, {"mask": MASK}),
    "gru_reset_before": (lambda keras: keras.layers.GRU(2, reset_after=False, recurrent_dropout=0.3), STEPS),
    "gru_no_bias": (lambda keras: keras.layers.GRU(2, use_bias=False, recurrent_activation="hard_sigmoid"), STEPS),
    "gru_dropout": (lambda keras: keras.layers.GRU(2, dropout=0.3, return_sequences=True), STEPS),
    "lstm": (lambda keras: keras.layers.LSTM(2, **ALL), STEPS),
    "lstm_masked": (lambda keras: keras.layers.LSTM(2, return_sequences=True), STEPS, {"mask": MASK}),
    "lstm_options": (
        lambda keras: keras.layers.LSTM(
            2,
            activation="relu",
            unit_forget_bias=False,
            kernel_regularizer="l2",
            recurrent_regularizer="l2",
            unroll=True,
        ),
        STEPS,
    ),
    "lstm_dropout": (lambda keras: keras.layers.LSTM(2, dropout=0.3, recurrent_dropout=0.4, seed=3), STEPS),
    "lstm_initial_state": (
        lambda keras: keras.layers.LSTM(2, go_backwards=True),
        STEPS,
        {"initial_state": [STATE, 2 * STATE]},
    ),
    "conv_lstm_1d": (
        lambda keras: keras.layers.ConvLSTM1D(3, 2, dilation_rate=2, recurrent_activation="hard_sigmoid", **ALL),
        IMAGES[:, :, 0],
    ),
    "conv_lstm_2d": (
        lambda keras: keras.layers.ConvLSTM2D(2, 3, padding="same", bias_initializer="random_normal"),
        IMAGES,
    ),
    "conv_lstm_2d_dropout": (
        lambda keras: keras.layers.ConvLSTM2D(
            2, (2, 3), strides=(2, 1), dropout=0.3, recurrent_dropout=0.4, return_sequences=True, go_backwards=True
        ),
        IMAGES,
    ),
    "conv_lstm_2d_first": (
        lambda keras: keras.layers.ConvLSTM2D(2, 2, use_bias=False, data_format="channels_first", **ALL),
        IMAGES,
    ),
    "conv_lstm_3d": (
        lambda keras: keras.layers.ConvLSTM3D(2, 2, unit_forget_bias=False, kernel_regularizer="l2"),
        IMAGES[..., None],
    ),
    "lstm_cell": (lambda keras: keras.layers.LSTMCell(2), (X, [STATE, STATE])),
    "gru_cell": (lambda keras: keras.layers.GRUCell(2), (X, [STATE])),
    "simple_rnn_cell": (lambda keras: keras.layers.SimpleRNNCell(2), (X, [STATE])),
    "rnn_stacked": (
        lambda keras: keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)], return_sequences=True),
        STEPS,
    ),
    "rnn_stacked_masked": (
        lambda keras: keras.layers.RNN([keras.layers.GRUCell(3), keras.layers.LSTMCell(2)], **ALL),
        STEPS,
        {"mask": MASK},
    ),
    "rnn_stacked_backwards": (
        lambda keras: keras.layers.RNN(
            [keras.layers.LSTMCell(3, dropout=0.3, recurrent_dropout=0.2), keras.layers.GRUCell(2)],
            go_backwards=True,
            zero_output_for_mask=True,
            **ALL,
        ),
        STEPS,
        {"mask": MASK},
    ),
    "rnn_minimal": (lambda keras: keras.layers.RNN(minimal(keras)(2), **ALL), STEPS),
    "bidirectional": (lambda keras: keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True)), STEPS),
    "bidirectional_masked": (
        lambda keras: keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True), merge_mode="ave"),
        STEPS,
        {"mask": MASK},
    ),
    "bidirectional_both": (
        lambda keras: keras.layers.Bidirectional(keras.layers.SimpleRNN(2, return_state=True), merge_mode=None),
        STEPS,
    ),
    "bidirectional_other": (
        lambda keras: keras.layers.Bidirectional(
            keras.layers.LSTM(2), backward_layer=keras.layers.GRU(2, go_backwards=True), merge_mode="mul"
        ),
        STEPS,
    ),
    "time_distributed": (lambda keras: keras.layers.TimeDistributed(keras.layers.Conv2D(2, 3)), IMAGES),
    "time_distributed_state": (
        lambda keras: keras.layers.TimeDistributed(keras.layers.BatchNormalization(momentum=0.5)),
        IMAGES,
    ),
    "time_distributed_dropout": (lambda keras: keras.layers.TimeDistributed(keras.layers.Dropout(0.5)), STEPS),
}


CUSTOM = {"Minimal": minimal}  # custom objects of saved files


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
