"""Settings for all tests: Keras, where a test compares with it, runs on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"
