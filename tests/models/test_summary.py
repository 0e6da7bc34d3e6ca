"""The summary: what stands in it is what Keras's says of the same model."""

import re

import numpy as np
import pytest

import minidl
from minidl.models.summary import memory_size


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def text(model, **arguments):
    """The summary as one string, of columns wide enough for everything."""
    printed = []
    model.summary(print_fn=printed.append, line_length=160, **arguments)
    assert len(printed) == 1
    return printed[0]


def content(summary):
    """The title, the cells of each row and the totals, without the lines around them."""
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in summary.splitlines() if line[0] in "│┃"]
    rest = [line.strip() for line in summary.splitlines() if line and line[0] in "M "]
    return rows, rest


def classifier(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(300, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, trainable=False, name="head[1]"),
        ],
        name="a[b]c",
    )


def nested(keras):
    inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3000)], name="inner")
    inner.add(keras.Sequential([keras.layers.Dense(2), keras.layers.Activation("relu")], name="innermost"))
    return keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Dense(2)])


def unbuilt(keras):
    return keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.Dense(2)])


def fixed_batch(keras):
    model = keras.Sequential([keras.layers.Dense(4, dtype="mixed_bfloat16"), keras.layers.Dense(3, dtype="float16")])
    model.build((7, 3))
    return model


def with_optimizer(keras):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1, trainable=False)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def unknown_sizes(keras):
    return keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2), keras.layers.Flatten()])


MODELS = {
    "classifier": (classifier, {}),
    "show_trainable": (classifier, {"show_trainable": True}),
    "layer_range": (classifier, {"layer_range": ["flatten", "dropout"]}),
    "layer_range reversed": (classifier, {"layer_range": ["dropout", "flatten"]}),
    "layer_range patterns": (classifier, {"layer_range": ("res.*", "d.*")}),
    "nested": (nested, {}),
    "expand_nested": (nested, {"expand_nested": True, "show_trainable": True}),
    "unbuilt": (unbuilt, {}),
    "unbuilt expanded": (unbuilt, {"expand_nested": True, "show_trainable": True}),
    "fixed_batch": (fixed_batch, {}),
    "with_optimizer": (with_optimizer, {}),
    "unknown_sizes": (unknown_sizes, {}),
    "empty": (lambda keras: keras.Sequential(), {}),
}


@pytest.mark.parametrize(("make", "arguments"), MODELS.values(), ids=MODELS.keys())
def test_content_is_that_of_keras(make, arguments):
    keras = pytest.importorskip("keras")
    found = []
    for library in (minidl, keras):
        library.utils.clear_session(free_memory=False)
        found.append(content(text(make(library), **arguments)))
    assert found[0] == found[1]
    assert len(found[0][1]) >= 4


def test_content():
    minidl.utils.clear_session(free_memory=False)
    rows, rest = content(text(classifier(minidl), show_trainable=True))
    assert rows == [
        ["Layer (type)", "Output Shape", "Param #", "Trainable"],
        ["rescaling (Rescaling)", "(None, 8, 8, 3)", "0", "-"],
        ["flatten (Flatten)", "(None, 192)", "0", "-"],
        ["dense (Dense)", "(None, 300)", "57,900", "Y"],  # 192 * 300 + 300
        ["dropout (Dropout)", "(None, 300)", "0", "-"],
        ["head[1] (Dense)", "(None, 10)", "3,010", "N"],
    ]
    assert rest == [
        'Model: "a[b]c"',
        "Total params: 60,910 (237.93 KB)",  # four bytes each
        "Trainable params: 57,900 (226.17 KB)",
        "Non-trainable params: 3,010 (11.76 KB)",
    ]


def test_models_that_are_not_sequential():
    class Two(minidl.Model):
        def __init__(self):
            super().__init__(name="two")
            self.first = minidl.layers.Dense(4, name="first")
            self.rest = [minidl.Sequential([minidl.layers.Dense(2, name="last")], name="stack")]

        def call(self, x):
            return self.rest[0](self.first(x))

    model = Two()
    rows, rest = content(text(model, expand_nested=True))
    assert [row[::2] for row in rows[1:]] == [
        ["first (Dense)", "0 (unbuilt)"],
        ["stack (Sequential)", "0 (unbuilt)"],
        ["└ last (Dense)", "0 (unbuilt)"],
    ]
    assert rest[1] == "Total params: 0 (0.00 B)"
    model(np.ones((2, 3)))
    rows, rest = content(text(model, expand_nested=True))
    assert [row[::2] for row in rows[1:]] == [
        ["first (Dense)", "16"],
        ["stack (Sequential)", "10"],
        ["└ last (Dense)", "10"],
    ]
    assert rest[1] == "Total params: 26 (104.00 B)"


def test_a_layer_in_two_places_has_both_shapes():
    shared = minidl.layers.Dense(3, name="shared")
    model = minidl.Sequential([minidl.Input((None, 3)), shared, minidl.layers.Flatten(name="f")])
    model.add(minidl.layers.Activation("relu", name="r"))
    assert [row[1] for row in content(text(model))[0][1:]] == ["(None, None, 3)", "(None, None)", "(None, None)"]
    twice = minidl.Sequential([minidl.Input((3,)), shared, shared])
    rows, rest = content(text(twice))
    assert rows[1] == rows[2] == ["shared (Dense)", "(None, 3)", "12"]
    assert rest[1] == "Total params: 12 (48.00 B)"


@pytest.mark.parametrize("wrong", [["nothing", "dropout"], ["flatten", "nothing"], ["flatten"], ["a", "b", "c"]])
def test_wrong_layer_range(wrong):
    minidl.utils.clear_session(free_memory=False)
    with pytest.raises(ValueError) as refusal:
        text(classifier(minidl), layer_range=wrong)
    assert "layer_range must name a first and a last layer of ['rescaling', 'flatten'," in str(refusal.value)
    assert str(wrong) in str(refusal.value)


def test_print_is_the_default(capsys):
    model = unbuilt(minidl)
    assert model.summary() is None
    printed = capsys.readouterr().out
    assert f'Model: "{model.name}"' in printed and "Non-trainable params: 0 (0.00 B)" in printed
    model.summary(line_length=50)
    lines = capsys.readouterr().out.splitlines()
    assert {len(line) for line in lines if line[0] in "┏┡└"} == {50}


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0.00 B"),
        (1, "1.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (1536, "1.50 KB"),
        (2**20 - 1, "1024.00 KB"),
        (2**20, "1.00 MB"),
        (5 * 2**30, "5.00 GB"),
        (2**40, "1.00 TB"),
        (2**50, "1.00 PB"),
        (2**61, "2048.00 PB"),
    ],
)
def test_memory_size(size, said):
    assert memory_size(size) == said


def test_in_a_notebook_the_summary_is_html_without_escapes(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr("minidl.core.notebook.in_notebook", lambda: True)
    monkeypatch.setattr("minidl.core.notebook.show", lambda html, text: shown.append((html, text)))
    model = minidl.Sequential([minidl.Input((3,)), minidl.layers.Dense(2, name="d")], name="<m>")
    model.summary()
    ((html, text),) = shown
    assert "&lt;m&gt;" in html and '<td style="text-align:left">d (Dense)</td>' in html
    assert '<td style="text-align:right">8</td>' in html and "<b>Total params:</b> 8 (32.00 B)" in html
    assert "\x1b" not in html + text and "Total params: 8" in text
    model.summary(print_fn=lambda line: shown.append(line))
    assert isinstance(shown[1], str) and capsys.readouterr().out == ""
