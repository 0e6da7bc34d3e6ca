"""A real notebook: what fit, summary() and the history put into it."""

import re
import xml.dom.minidom

import pytest

pytestmark = pytest.mark.slow  # processes and terminals

CELLS = (
    """
    import numpy as np, minidl as keras
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="last")])
    model.compile("sgd", "mse")
    """,
    "model.summary()",
    "history = model.fit(np.ones((8, 3)), np.ones(8), epochs=12, validation_split=0.5)",
    "history",
    "model.evaluate(np.ones((8, 3)), np.ones(8))",
)


@pytest.fixture(scope="module")
def outputs():
    """The outputs of each cell, as the front end gets them."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    source = [
        nbformat.v4.new_code_cell("\n".join(line.strip() for line in cell.strip().splitlines())) for cell in CELLS
    ]
    notebook = nbformat.v4.new_notebook(cells=source)
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
    return [cell.outputs for cell in source]


def test_nothing_has_escapes(outputs):
    assert "\x1b" not in str(outputs) and "\\x1b" not in str(outputs)


def test_the_summary_is_a_table(outputs):
    (shown,) = outputs[1]
    assert "<table>" in shown["data"]["text/html"] and "last (Dense)" in shown["data"]["text/html"]
    assert "Total params: 4 (16.00 B)" in shown["data"]["text/plain"]


def test_fit_leaves_one_output_with_the_curves_and_the_last_epochs(outputs):
    (shown,) = outputs[2]
    html = shown["data"]["text/html"]
    picture = xml.dom.minidom.parseString(re.search(r"<svg.*</svg>", html)[0])
    curves = [curve.getAttribute("points").split() for curve in picture.getElementsByTagName("polyline")]
    assert [len(points) for points in curves] == [12, 12]
    epochs = re.findall(r"<tr><td[^>]*>([^<]*)</td>", html)
    assert epochs == ["…", *(str(epoch) for epoch in range(3, 13))]
    assert re.search(r"Epoch 12/12: 1/1 - \S+ - [\d.]+(ms|us)/step - loss: ", html) and "<progress" not in html
    lines = shown["data"]["text/plain"].split("\n")
    assert lines[0] == "Epoch 1/12" and len(lines) == 24 and "compiled in" in lines[1]


def test_the_history_is_a_table_with_curves(outputs):
    (shown,) = outputs[3]
    assert shown["data"]["text/html"].count("<polyline") == 2
    assert shown["data"]["text/plain"].startswith("<History of 12 epochs: loss ")


def test_evaluate_leaves_a_line(outputs):
    texts = [output.get("text") or output["data"]["text/plain"] for output in outputs[4]]
    assert re.match(r"1/1 - ", texts[0])
