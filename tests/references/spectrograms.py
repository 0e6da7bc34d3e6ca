"""Layers that make spectrograms of signals: outputs, gradients of the kernels, configs."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np

from tests.references._layers import without

SIGNALS = np.random.default_rng(1).normal(size=(2, 120, 2)).astype("float32")
STFT = {
    **{mode: {"mode": mode, "frame_length": 16, "frame_step": 12} for mode in ("log", "psd", "real", "imag", "stft")},
    "image": {"mode": "magnitude", "frame_length": 16, "fft_length": 32, "expand_dims": True, "window": "hamming"},
    "same": {"mode": "magnitude", "frame_length": 20, "padding": "same", "scaling": "spectrum", "periodic": True},
    "none": {"mode": "psd", "frame_length": 16, "window": None, "scaling": None},
}
MEL = {
    "plain": {"fft_length": 32, "sequence_stride": 20, "num_mel_bins": 8},
    "power": {
        "fft_length": 32,
        "sequence_stride": 12,
        "sequence_length": 20,
        "window": "hamming",
        "sampling_rate": 8000,
        "num_mel_bins": 4,
        "min_freq": 50.0,
        "max_freq": 3000.0,
        "power_to_db": False,
        "mag_exp": 1.0,
    },
    "floor": {"fft_length": 32, "num_mel_bins": 6, "top_db": 3.0, "ref_power": 0.5, "min_power": 1e-3},
}


def cases(keras):
    """Each layer, with the axes of both data formats."""
    numbers = {}
    for (name, arguments), last in itertools.product(STFT.items(), (True, False)):
        data_format = "channels_last" if last else "channels_first"
        layer = keras.layers.STFTSpectrogram(**arguments, data_format=data_format, name="stft")
        inputs = SIGNALS if last else SIGNALS.transpose(0, 2, 1)
        numbers |= {f"stft_{name}_{data_format}/{key}": value for key, value in of(layer, inputs).items()}
    for (name, arguments), inputs in itertools.product(MEL.items(), (SIGNALS[..., 0], SIGNALS[0, :, 0])):
        layer = keras.layers.MelSpectrogram(**arguments, name="mel")
        numbers |= {f"mel_{name}_{inputs.ndim}/{key}": value for key, value in of(layer, inputs).items()}
    return numbers


def of(layer, inputs):
    """The output, the gradients of its sum of squares, the shape that is expected, the config."""
    output = np.asarray(layer(inputs))
    weights = [variable.value for variable in layer.trainable_variables]

    def total(weights):
        return jnp.sum(jnp.square(layer.stateless_call(weights, [], inputs)[0]))

    found = {f"gradient{i}": np.asarray(gradient) for i, gradient in enumerate(jax.grad(total)(weights))}
    config = json.dumps(without(layer.get_config()), sort_keys=True)
    shape = np.array(layer.compute_output_shape(inputs.shape))
    return found | {"output": output, "shape": shape, "config": np.array(config)}
