"""What is on the screen of a terminal while a model trains."""

import re

import pytest

from tests.terminals import Terminal

pytestmark = pytest.mark.slow  # processes and terminals

FIT = """
    import time
    import numpy as np
    import minidl as keras

    class Slow(keras.utils.PyDataset):
        def __init__(self, size):
            super().__init__()
            self.size = size

        def __len__(self):
            return self.size

        def __getitem__(self, index):
            time.sleep(0.02)
            return np.ones((4, 3), "float32"), np.ones((4, 1), "float32")

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae", "r2_score"])
    model.fit(Slow(30), validation_data=Slow(20), epochs=2)
"""


def bars(terminal):
    """The rows of the live bar, from each screen that has one."""
    found = [[row for row in screen if re.match(r"\d+/\d+ ━", row)] for screen in terminal.screens]
    assert all(len(rows) <= 1 for rows in found), "remains of an earlier drawing"
    return [rows[0] for rows in found if rows]


@pytest.fixture(scope="module")
def wide():
    return Terminal(FIT, 80)


def test_it_says_that_it_compiles_before_the_first_step(wide):
    assert bars(wide)[0] == "0/30 " + "━" * 20 + " compiling"


def test_the_time_left_is_shown_from_the_first_step_on(wide):
    moving = [bar for bar in bars(wide) if "compiling" not in bar and "validation" not in bar]
    assert moving and all(re.search(r" \S+ left - ", bar) for bar in moving)


def test_the_steps_of_validation_move(wide):
    counts = [int(found[1]) for bar in bars(wide) if (found := re.search(r"validation (\d+)/20 - ", bar))]
    assert len(set(counts)) >= 2


def test_the_final_lines_tell_training_and_compilation_apart(wide):
    screen = "".join(row.ljust(80) for row in wide.last)
    first, second = re.findall(r"30/30 - (\d\.\d)s - (\d\d\.\d)ms/step", screen)
    compiled = re.findall(r"compiled in (\d\.\d|\d+) (m?s)", screen)
    assert len(compiled) == 1  # in the first epoch
    seconds = float(compiled[0][0]) / (1000 if compiled[0][1] == "ms" else 1)
    for (elapsed, step), compilation in ((first, seconds), (second, 0.0)):
        assert 20 <= float(step)  # each step waits for 20 ms
        validation = 20 * 0.02
        assert float(elapsed) + 0.11 >= compilation + validation + 30 * float(step) / 1000
    assert wide.last[0] == "Epoch 1/2" and sum("━" in row for row in wide.last) == 0 and wide.code == 0


def test_the_bar_is_one_line_at_80_columns_and_leaves_out_what_matters_least(wide):
    rows = bars(wide)
    assert all(len(row) < 80 for row in rows)
    moving = [row for row in rows if "left" in row]
    assert all("loss: " in row and "ms/step" in row and "steps/s" not in row for row in moving)


def test_at_40_columns_the_bar_is_one_line_with_the_loss():
    narrow = Terminal(FIT, 40)
    rows = bars(narrow)
    assert all(len(row) < 40 for row in rows)
    assert any("loss: " in row and "left" in row for row in rows)
    assert any("validation" in row for row in rows) and rows[0].startswith("0/30 ━") and "compiling" in rows[0]


@pytest.mark.parametrize(("before", "after"), [(90, 40), (40, 90)])
def test_the_bar_follows_the_width_of_the_window(before, after):
    terminal = Terminal(FIT, before, resize=("validation", after))
    rows = bars(terminal)
    at = next(i for i, row in enumerate(rows) if "validation" in row)
    earlier, later = rows[: at + 1], [row for row in rows[at + 1 :] if not rows[at].startswith(row)]  # else cut off
    assert all(len(row) < before for row in earlier) and all(len(row) < after for row in later)
    assert max(map(len, later)) > 30
    # At the start of its line the cursor stays in the row that is erased, also where the terminal wraps long lines.
    drawn = [column for screen, column in zip(terminal.screens, terminal.cursors) if "━" in screen[-1]]
    assert set(drawn) == {0}


def test_what_a_layer_prints_appears_above_the_bar():
    program = FIT.replace("model.fit(", "print('said')\n    model.fit(").replace("time.sleep(0.02)", "print('said')")
    terminal = Terminal(program, 60)
    assert bars(terminal) and all("━" not in row for screen in terminal.screens for row in screen[:-1])
