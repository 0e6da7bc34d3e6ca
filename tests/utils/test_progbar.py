"""Progbar: what is averaged, what is shown, and where."""

import re

import pytest

from minidl.callbacks import displays
from minidl.utils import Progbar


class Recorder:
    live = True

    def __init__(self):
        self.drawn, self.lines = [], []

    def update(self, count, fraction, details, less_important=()):
        self.drawn.append((count, fraction, " - ".join(details)))

    def finish(self, line):
        self.lines.append(line)


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(displays, "choose_display", lambda width: recorder)
    return recorder


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({}, "1.0000"),
        ({"stateful_metrics": ["value"]}, "2.0000"),
        ({"stateful_metrics": []}, "1.0000"),
        ({"stateless_metrics": ["value"]}, "1.0000"),
        ({"stateless_metrics": []}, "2.0000"),
    ],
)
def test_values_are_averaged_over_steps_or_shown_as_they_are(recorder, names, shown):
    bar = Progbar(4, interval=0.0, **names)
    bar.update(1, [("value", 0.0)])
    bar.add(1, [("value", 2.0)])
    assert [(count, fraction) for count, fraction, _ in recorder.drawn] == [("1/4", 0.25), ("2/4", 0.5)]
    assert recorder.drawn[1][2].endswith(f"value: {shown}")


def test_a_value_of_several_steps_weighs_as_many(recorder):
    bar = Progbar(None, interval=0.0)
    bar.update(1, [("value", 1.0)])
    bar.update(4, [("value", 5.0)])
    assert recorder.drawn[1][:2] == ("4/?", None) and recorder.drawn[1][2].endswith("value: 4.0000")


def test_the_last_update_leaves_a_line_with_its_own_values(recorder):
    bar = Progbar(3, interval=60.0, unit_name="sample")
    for step in range(3):
        bar.add(1, [("value", float(step))])
    assert recorder.drawn == []
    assert re.fullmatch(r"3/3 - \S+ - \S+/sample - value: 2\.0000", recorder.lines[0])


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_where_there_is_no_terminal_one_line_is_printed(capsys, verbose):
    bar = Progbar(2, verbose=verbose)
    bar.update(1)
    bar.update(1, finalize=True)
    assert capsys.readouterr().out.count("1/2") == (verbose > 0)


def test_both_lists_are_refused():
    with pytest.raises(ValueError, match="pass stateful_metrics or stateless_metrics, not both"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_the_width_is_that_of_the_bar():
    assert displays._bar(0.5, 10, "#", "-") == ("#####", "-----")
