"""Exported programs that are damaged or made to do harm give a LoadError; they crash nothing."""

import hashlib
import subprocess
import sys

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl.saving import LoadError, load_exported, program

FLIPPED = """
import random, sys
from minidl.saving import LoadError, load_exported

data, refused, generator = open(sys.argv[1], "rb").read(), 0, random.Random(0)
for place in [*generator.sample(range(len(data)), 150), 0, len(data) - 1]:
    damaged = bytearray(data)
    damaged[place] ^= 1 << generator.randrange(8)
    open(sys.argv[1], "wb").write(damaged)
    try:
        load_exported(sys.argv[1])
    except LoadError:
        refused += 1
print(refused)
"""


def exported(function):
    spec = jax.ShapeDtypeStruct((2, 4), jnp.float32)
    unchecked = [jax.export.DisabledSafetyCheck.custom_call("xla_ffi_python_cpu_callback")]
    return jax.export.export(jax.jit(function), disabled_checks=unchecked)(spec)


def with_checksum(data):
    """As an author of a hostile file would write it."""
    return data + program._MARK + hashlib.sha256(data).digest()


@pytest.mark.slow
def test_no_flipped_bit_crashes(tmp_path):
    model = minidl.Sequential([minidl.Input((4,)), minidl.layers.Dense(3)])
    model.export(tmp_path / "model.stablehlo")
    command = [sys.executable, "-c", FLIPPED, str(tmp_path / "model.stablehlo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "152\n"), done.stderr[-1000:]


def test_custom_calls_by_address_are_refused(tmp_path):
    def evil(x):
        call = jax.ffi.ffi_call("xla_ffi_python_cpu_callback", jax.ShapeDtypeStruct(x.shape, x.dtype))
        return call(x, index=np.uint64(1 << 40))

    data = bytes(exported(evil).serialize())
    (tmp_path / "evil").write_bytes(with_checksum(data))
    with pytest.raises(LoadError, match="custom call 'xla_ffi_python_cpu_callback'"):
        load_exported(tmp_path / "evil")
    (tmp_path / "evil").write_bytes(data)
    with pytest.raises(LoadError, match="no checksum"):
        load_exported(tmp_path / "evil")


@pytest.mark.parametrize(
    "what",
    [
        lambda x: tuple(jnp.linalg.svd(x)),
        lambda x: tuple(jnp.linalg.qr(x)),
        jnp.fft.fft,
        lambda x: jax.lax.top_k(x, 2),
        jnp.sort,
    ],
)
def test_jax_s_own_calls_are_allowed(what, tmp_path):
    (tmp_path / "good").write_bytes(program.to_bytes(exported(what)))
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    for got, want in zip(jax.tree.leaves(load_exported(tmp_path / "good")(x)), jax.tree.leaves(what(x)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_jax_reads_the_files_too(tmp_path):
    model = minidl.Sequential([minidl.Input((4,)), minidl.layers.Dense(3)])
    model.export(tmp_path / "model.stablehlo")
    run = jax.export.deserialize(bytearray((tmp_path / "model.stablehlo").read_bytes()))
    x = np.ones((2, 4), "float32")
    np.testing.assert_allclose(run.call(x), model(x), rtol=1e-6)
