"""plot_model: pictures through pydot and Graphviz, where these are installed."""

import shutil
import sys

import pytest

import minidl as keras
from minidl import layers
from minidl.models import Model, Sequential
from minidl.utils import model_to_dot, plot_model


def model():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = Sequential([layers.Dense(4, name="first"), layers.Dense(2, name="second", activation="relu")], name="inner")
    return Model([a, b], inner(a + b))


def test_without_pydot_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install 'minidl\[plot\]'"):
        plot_model(model())


def test_the_boxes_and_lines():
    pytest.importorskip("pydot")
    text = model_to_dot(model(), show_shapes=True, show_trainable=True).to_string()
    for edge in ('"a" -> "add', '"b" -> "add', '-> "inner"'):
        assert edge in text
    assert "(None, 2)" in text and "Trainable" in text and "first" not in text
    inner = model_to_dot(model(), expand_nested=True, show_layer_activations=True).to_string()
    assert '"inner/first" -> "inner/second"' in inner and "relu" in inner
    with pytest.raises(ValueError, match="is not built"):
        model_to_dot(Sequential([layers.Dense(1)]))


@pytest.mark.parametrize(("name", "start"), [("m.png", b"\x89PNG"), ("m.svg", b"<?xml")])
def test_files(tmp_path, name, start):
    pytest.importorskip("pydot")
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    plot_model(model(), to_file=tmp_path / name, show_shapes=True)
    assert (tmp_path / name).read_bytes().startswith(start)
