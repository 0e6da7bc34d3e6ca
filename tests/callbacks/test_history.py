"""History: what it prints, shows in a notebook and plots."""

import math
import re
import xml.dom.minidom

import pytest

from minidl.callbacks import History
from minidl.core import notebook
from minidl.utils import plot_history


def recorded(epochs=3, first=0, **more):
    history = History()
    history.on_train_begin()
    for epoch in range(first, first + epochs):
        values = {name: value(epoch) for name, value in more.items()}
        history.on_epoch_end(epoch, {"loss": 4.0 - epoch, "val_loss": 4.5 - epoch, **values})
    return history


def test_its_repr_says_how_far_each_number_has_come():
    assert repr(recorded()) == "<History of 3 epochs: loss 4.0000 -> 2.0000, val_loss 4.5000 -> 2.5000>"
    assert repr(recorded(1)) == "<History of 1 epoch: loss 4.0000, val_loss 4.5000>"
    assert repr(History()) == "<History of 0 epochs>"


def test_a_notebook_shows_the_last_epochs_and_the_curves():
    html = recorded(12, first=5, note=lambda epoch: "<b>")._repr_html_()
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert cells[0] == ["epoch", "loss", "val_loss", "note"]
    assert cells[1] == ["…", "", "", ""] and cells[2] == ["8", "-3.0000", "-2.5000", "&lt;b&gt;"]
    assert cells[-1][0] == "17" and len(cells) == 12
    picture = xml.dom.minidom.parseString(re.search(r"<svg.*</svg>", html)[0])
    curves = picture.getElementsByTagName("polyline")
    assert [len(curve.getAttribute("points").split()) for curve in curves] == [12, 12]
    texts = [text.firstChild.data for text in picture.getElementsByTagName("text")]
    assert texts == ["-12", "-0.5", "epoch 6", "17", "loss", "val_loss"]
    assert "\x1b" not in html


def test_curves_fall_where_numbers_fall_and_leave_out_nan():
    svg = notebook.curves({"loss": [2.0, math.nan, 1.0]})
    ((x0, y0), (x1, y1)) = [
        tuple(map(float, pair.split(","))) for pair in re.search('points="([^"]+)"', svg)[1].split()
    ]
    assert x0 < x1 and y0 < y1  # pixels are counted from the top
    assert notebook.curves({"loss": [1.0, 1.0]}).count("<polyline") == 1


def test_one_epoch_has_a_table_and_no_curve():
    html = recorded(1)._repr_html_()
    assert "<svg" not in html and "<td" in html
    assert History()._repr_html_().count("<tr>") == 1


def test_validation_now_and_then_is_drawn_at_the_end():
    history = History()
    for epoch in range(4):
        history.on_epoch_end(epoch, {"loss": 1.0, **({"val_loss": 2.0} if epoch > 1 else {})})
    last = re.findall(r"<tr>(.*?)</tr>", history._repr_html_())
    assert "2.0000" in last[-1] and "2.0000" not in last[1]


def test_the_plot_has_axes_for_each_number_with_its_validation(tmp_path):
    pytest.importorskip("matplotlib")
    history = recorded(3, first=2, accuracy=lambda epoch: epoch / 10)
    figure = history.plot(to_file=tmp_path / "curves.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    training, validation = figure.axes[0].lines
    assert list(training.get_xdata()) == [3, 4, 5] and list(training.get_ydata()) == [2.0, 1.0, 0.0]
    assert list(validation.get_ydata()) == [2.5, 1.5, 0.5] and figure.axes[0].get_legend() is not None
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    (axes,) = history.plot(["accuracy"]).axes
    assert axes.get_title() == "accuracy"


def test_a_plot_of_nothing_or_of_an_unknown_name_is_refused():
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"there is no 'acc' in it, only \['loss', 'val_loss'\]"):
        plot_history(recorded(), ["acc"])
    with pytest.raises(ValueError, match="there is no 'epoch'"):
        plot_history(History())
