"""Settings for all tests: Keras, where a test compares with it, runs on JAX; equal programs are compiled once."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"

import jax
import pytest

_cache = tempfile.TemporaryDirectory(prefix="minidl-tests-")


@pytest.fixture(autouse=True, scope="session")
def compile_equal_programs_once():
    """Most of the suite's time would be XLA compiling the same small programs again."""
    jax.config.update("jax_compilation_cache_dir", _cache.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    yield
    jax.config.update("jax_compilation_cache_dir", None)
    _cache.cleanup()
