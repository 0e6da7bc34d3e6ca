"""What is to be seen in a terminal of tmux, and in a browser: a notebook's page, and the real TensorBoard."""

import re
import shutil
import socket

import pytest

from tests import screens

pytestmark = [
    pytest.mark.slow,  # processes
    pytest.mark.skipif(not (screens.BROWSER and shutil.which("tmux")), reason="Chromium or tmux is not installed"),
]


@pytest.mark.parametrize("columns", screens.WIDTHS)
def test_a_terminal_breaks_no_part_of_a_line(columns):
    rows = screens.terminal(columns)
    assert all(len(row) <= columns for row in rows)
    assert [row for row in rows if row.startswith("Epoch")] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    parts = "".join(rows).split(" - ")
    for name in ("accuracy", "loss", "val_accuracy", "val_loss"):
        assert len([part for part in parts if re.match(rf"{name}: \d\.\d{{4}}", part.strip())]) == 3, name
    assert "━" not in "".join(rows), "remains of the bar"


def test_a_page_of_a_notebook(tmp_path):
    for name in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(name)
    page = screens.document(screens.notebook(tmp_path))
    assert "\x1b" not in page and page.count("<polyline") == 4
    assert page.count("<th") >= 3 + 2 * 5  # the columns of the summary, of fit, and of the history
    assert "edges (Conv2D)" in page and re.search(r"Epoch 3/3: 50/50 - ", page)


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory):
    for name in ("tensorboard", "tensorboardX", "pypdf"):
        pytest.importorskip(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with screens.tensorboard(tmp_path_factory.mktemp("logs"), port) as address:
        yield address


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("timeseries", ["epoch_accuracy", "epoch_loss", "epoch_learning_rate", "run/train", "run/validation"]),
        ("graphs", ["edges", "flat", "classes"]),
        ("histograms", ["sequential/edges/kernel/histogram", "sequential/classes/bias/histogram"]),
        ("images", ["sequential/edges/kernel/image", "sequential/classes/kernel/image"]),
    ],
)
def test_tensorboard_shows(tensorboard, page, texts):
    address, missing = f"{tensorboard}#{page}", texts
    for _ in range(5):  # a busy machine draws a graph too late for the picture
        shown = screens.document(address) + screens.text(address)  # parts are only in one of them
        missing = [text for text in missing if text not in shown]
        if not missing:
            break
    assert missing == []
