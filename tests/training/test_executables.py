"""Executables on disk: what an earlier process has compiled is neither traced nor compiled again, if it is the same."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.core.structural_key import text_of
from minidl.training import executables
from minidl.training.step_programs import key_of

PROGRAM = """
import json, sys
import jax, numpy as np
import minidl as keras
from minidl import layers

folder, activation, user = sys.argv[1], sys.argv[2], sys.argv[3] == "user"
keras.config.enable_compilation_cache(folder)
keras.utils.set_random_seed(1)
traced, hits = [], []


def record(event, seconds, **more):
    if event.endswith("jaxpr_trace_duration"):
        traced.append(more.get("fun_name"))


class Own(layers.Dense):
    pass


jax.monitoring.register_event_duration_secs_listener(record)
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)
x = np.random.default_rng(0).normal(size=(100, 5)).astype("float32")
inside = [layers.BatchNormalization(), layers.Dropout(0.2), (Own if user else layers.Dense)(1)]
model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation), *inside])
model.compile("adam", "mse", metrics=["mae"])
history = model.fit(x, x[:, :1], epochs=2, verbose=0, validation_data=(x[:10], x[:10, :1])).history
numbers = [history, model.evaluate(x, x[:, :1], verbose=0), model.predict(x, verbose=0).tolist()]
print(json.dumps([sorted({name for name in traced if name in ("train", "test", "predict")}), numbers, len(hits)]))
"""


def run(folder, activation="tanh", layer="own"):
    command = [sys.executable, "-c", PROGRAM, str(folder), activation, layer]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_second_process_traces_no_step_and_computes_the_same(tmp_path):
    first, second = run(tmp_path / "cache"), run(tmp_path / "cache")
    assert (first[0], second[0]) == (["predict", "test", "train"], [])
    assert first[1] == second[1]
    assert first[2] == 0, "what is kept is not compiled, or read, a second time for its first call"
    other, again = run(tmp_path / "cache", "relu"), run(tmp_path / "empty", "relu")
    assert other[:2] == again[:2] and other[0]


@pytest.mark.slow
def test_a_file_that_was_cut_off_is_not_loaded(tmp_path):
    first = run(tmp_path / "cache")[:2]
    for path in (tmp_path / "cache").glob("*-cache"):
        path.write_bytes(path.read_bytes()[:-100])
    assert run(tmp_path / "cache")[:2] == first


@pytest.mark.slow
def test_models_with_layers_of_the_user_are_traced(tmp_path):
    first, second = (run(tmp_path / "cache", layer="user")[:2] for _ in range(2))
    assert first == second and second[0]


@pytest.mark.slow
def test_what_jax_read_from_its_own_cache_is_not_kept(tmp_path):
    """JAX would write it without some of its functions; and what is kept is not in JAX's cache, too."""
    folder = tmp_path / "cache"
    users = run(folder, layer="user")  # has no key, and compiles to the same programs
    read = run(folder)
    assert read[1] == users[1] and read[2] > 0, "no program came from JAX's cache"
    assert not list(folder.glob("[0-9a-f]*-cache"))
    for path in folder.glob("jit_*-cache"):
        path.unlink()
    kept, again = run(folder), run(folder)
    assert kept[1] == again[1] == users[1] and (kept[0], again[0]) == (["predict", "test", "train"], [])
    assert list(folder.glob("[0-9a-f]*-cache")) and not list(folder.glob("jit_*_chunk-*"))


@pytest.fixture
def folder(tmp_path):
    names = [name for name in dir(jax.config) if "compilation_cache" in name or "persistent_cache" in name]
    before = {name: getattr(jax.config, name) for name in names}
    keras.config.enable_compilation_cache(tmp_path / "cache")
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)


def built(units=3, **options):
    return keras.Sequential([keras.Input((5,)), layers.Dense(units, **options), layers.Dropout(0.1)])


def path(model, *args):
    return executables._path(key_of(model), args or (np.ones(3),))


def test_equal_models_have_one_file_and_others_have_others(folder):
    first = path(built())
    assert first.parent == folder and first == path(built())
    others = [path(built(4)), path(built(activation="relu")), path(built(kernel_regularizer="l2"))]
    others += [path(built(), np.ones(4)), path(built(), np.ones(3, "int32")), path(built(), [np.ones(3)])]
    assert len({first, *others}) == 7


def test_a_file_that_another_run_deletes_meanwhile_is_not_loaded(folder, monkeypatch):
    def deleted(path):
        raise FileNotFoundError(path)

    path(built()).write_bytes(b"x" * 100)
    assert executables.load(key_of(built()), (np.ones(3),)) is None
    monkeypatch.setattr(executables.os, "utime", deleted)
    assert executables.load(key_of(built()), (np.ones(3),)) is None


def test_settings_of_jax_and_of_kernels_are_part_of_the_name(folder, monkeypatch):
    names = [path(built())]
    with jax.default_matmul_precision("float32"):
        names.append(path(built()))
    keras.config.set_kernels("reference" if keras.config.kernels() == "auto" else "auto")
    try:
        names.append(path(built()))
    finally:
        keras.config.set_kernels("reference" if keras.config.kernels() == "auto" else "auto")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    names.append(path(built()))
    monkeypatch.setattr(executables, "_installed", lambda: ("another version",))
    names.append(path(built()))
    assert len(set(names)) == 5


def test_a_changed_module_is_another_version(tmp_path):
    (tmp_path / "inside").mkdir()
    module = tmp_path / "inside" / "module.py"
    module.write_text("one = 1")
    (tmp_path / "inside" / ".#module.py").symlink_to("nowhere")
    before = list(executables._files(str(tmp_path)))
    module.write_text("one = 12")
    assert len(before) == 1 and before != list(executables._files(str(tmp_path)))


@pytest.mark.parametrize("method", [lambda self, x: 2 * x, layers.Dropout.call, property(lambda self: 1)])
def test_an_exchanged_method_is_seen(folder, monkeypatch, method):
    model = built()
    before = text_of(key_of(model))
    assert before == text_of(key_of(built()))
    monkeypatch.setattr(layers.Dense, "call", method)
    assert before != text_of(key_of(model))


def test_without_a_folder_nothing_is_kept():
    assert not executables.are_kept("a key") and path(built()) is None
