"""What the progress bar prints and draws, where, and how often."""

import os
import re
import select
import subprocess
import sys
import textwrap
import time
import types

import pytest

from minidl.callbacks import Callback, CallbackList, displays, formats, progress_bar, step_clock
from minidl.training import run_state

TIMES = r"(?:\d+\.\ds|\d+[mu]s) - [\d.]+(?:us|ms|s)/step"


class Model:
    history = None


def make(verbose=1, epochs=2, steps=4, callbacks=None):
    params = {"verbose": verbose, "epochs": epochs, "steps": steps}
    return CallbackList(callbacks, Model(), params, add_history=True, add_progbar=True)


def fit(callbacks, epochs=2, steps=4, validate=False):
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for step in range(2, steps + 1, 2):
            callbacks.on_progress("train", step, {"loss": 1.0 / step})
        if validate:
            evaluate(callbacks)
        callbacks.on_epoch_end(epoch, {"loss": 0.25, "accuracy": 0.98765, "val_loss": 0.000123})
    callbacks.on_train_end({})


def evaluate(callbacks, steps=3):
    callbacks.on_test_begin()
    callbacks.on_progress("test", steps, {"loss": 0.5})
    callbacks.on_test_end({"loss": 0.5})


def lines(capsys):
    return capsys.readouterr().out.splitlines()


# Plain lines


@pytest.mark.parametrize("verbose", [1, 2, "auto", True])
def test_where_there_is_no_terminal_an_epoch_leaves_one_line(capsys, verbose):
    fit(make(verbose), validate=True)
    first, line, second, last = lines(capsys)
    assert (first, second) == ("Epoch 1/2", "Epoch 2/2")
    for text in (line, last):
        assert re.fullmatch(rf"4/4 - {TIMES} - accuracy: 0.9877 - loss: 0.2500 - val_loss: 1.2300e-04", text)


def test_the_line_has_the_numbers_of_the_history_and_what_callbacks_added(capsys):
    class Adder(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["added"] = 2.0

    callbacks = make(callbacks=Adder(), epochs=1)
    fit(callbacks, epochs=1)
    (line,) = lines(capsys)
    shown = dict(part.split(": ") for part in line.split(" - ") if ":" in part)
    history = callbacks.model.history.history
    assert shown == {name: formats.format_number(values[-1]) for name, values in history.items()}
    assert list(shown) == list(history) == ["accuracy", "loss", "val_loss", "added"]


def test_verbose_0_is_silent(capsys):
    callbacks = make(0)
    fit(callbacks)
    evaluate(callbacks)
    callbacks.on_test_begin()
    callbacks.on_progress("test", 1, {})
    callbacks.close()
    assert lines(capsys) == []


def test_one_epoch_has_no_heading(capsys):
    fit(make(epochs=1), epochs=1)
    assert len(lines(capsys)) == 1


def test_evaluate_and_predict_leave_one_line_each(capsys):
    callbacks = make(steps=None)
    evaluate(callbacks)
    callbacks.on_predict_begin()
    callbacks.on_progress("predict", 5, {"outputs": object()})
    callbacks.on_predict_end({"outputs": 1.0})
    evaluated, predicted = lines(capsys)
    assert re.fullmatch(rf"3/3 - {TIMES} - loss: 0.5000", evaluated)
    assert re.fullmatch(rf"5/5 - {TIMES}", predicted)


def test_one_list_can_fit_and_then_evaluate(capsys):
    callbacks = make(epochs=1)
    fit(callbacks, epochs=1, validate=True)
    evaluate(callbacks)
    assert len(lines(capsys)) == 2


def test_a_loop_of_ones_own_may_call_the_batch_methods_alone(capsys):
    callbacks = make(epochs=1, steps=None)
    callbacks.on_epoch_begin(0)
    for batch in range(7):
        callbacks.on_train_batch_end(batch, {"loss": 0.5})
    evaluate(callbacks)
    callbacks.on_epoch_end(0, {"loss": 0.5})
    (line,) = lines(capsys)
    assert line.startswith("7/7 - ")


def test_an_epoch_cut_short_shows_how_far_it_came(capsys):
    callbacks = make(epochs=1, steps=10)
    fit(callbacks, epochs=1, steps=6)
    assert lines(capsys)[0].startswith("6/10 - ")


def test_more_steps_than_were_announced(capsys):
    fit(make(epochs=1, steps=4), epochs=1, steps=6)
    assert lines(capsys)[0].startswith("6/6 - ")


def test_an_exception_leaves_the_last_state(capsys):
    callbacks = make(epochs=1)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_progress("train", 3, {"loss": 0.5})
    callbacks.close()
    callbacks.close()
    (line,) = lines(capsys)
    assert re.fullmatch(rf"3/4 - {TIMES} - loss: 0.5000 - unfinished", line)
    evaluate(callbacks)
    assert len(lines(capsys)) == 1


def test_close_has_nothing_to_say_before_the_first_step_and_after_the_end(capsys):
    callbacks = make(epochs=1)
    callbacks.on_epoch_begin(0)
    callbacks.close()
    assert lines(capsys) == []
    fit(callbacks, epochs=1)
    lines(capsys)
    callbacks.close()
    assert lines(capsys) == []


def test_unknown_verbose_is_refused():
    with pytest.raises(ValueError, match=r"verbose must be 'auto', 0 \(silent\), 1 \(bar\) or 2 .*, got 3"):
        make(3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "-0.5000"), (-0.00012, "-1.2000e-04"), (0.0, "0.0000e+00"), ("high", "high"), ([0.25, 0.75], "0.5000")],
)
def test_numbers_are_readable(value, text):
    assert formats.format_number(value) == text


# Live drawing, with a clock that the test moves


class Recorder:
    live = True

    def __init__(self):
        self.drawn, self.finished = [], []

    def begin_epoch(self, heading, history):
        pass

    def update(self, count, fraction, details, less_important=()):
        self.drawn.append((count, fraction, " - ".join(details)))

    def finish(self, line):
        self.finished.append(line)

    def clear(self):
        self.drawn.append(None)


@pytest.fixture
def live(monkeypatch):
    """A display that records, and a clock: `live.clock += seconds`."""
    state = types.SimpleNamespace(clock=100.0, display=Recorder())
    monkeypatch.setattr(displays, "choose_display", lambda: state.display)
    for module in (progress_bar, step_clock):
        monkeypatch.setattr(module, "perf_counter", lambda: state.clock)
    return state


def test_it_draws_at_most_eight_times_a_second(live):
    callbacks = make(steps=2000)
    callbacks.on_epoch_begin(0)
    for step in range(2000):
        live.clock += 0.001
        callbacks.on_progress("train", step + 1, {"loss": 0.5})
    assert 14 <= len(live.display.drawn) <= 16


def test_an_epoch_that_is_over_at_once_is_never_drawn(live):
    fit(make())
    assert live.display.drawn == [] and len(live.display.finished) == 2


def test_it_shows_count_speed_time_left_and_metrics_without_the_time_of_compiling(live):
    callbacks = make(steps=100)
    callbacks.on_epoch_begin(0)
    callbacks.on_compile_begin("train", 0)
    assert live.display.drawn == [("0/100", 0.0, "compiling")]
    live.clock += 10.0
    callbacks.on_compile_end("train", 10.0)
    live.clock += 0.2
    callbacks.on_progress("train", 10, {"loss": 0.5})
    assert live.display.drawn[-1] == ("10/100", 0.1, "1.8s left - 20.0ms/step - loss: 0.5000 - 50 steps/s")
    live.clock += 0.4
    callbacks.on_progress("train", 60, {"loss": 0.25, "accuracy": 0.75})
    assert live.display.drawn[-1] == (
        "60/100",
        0.6,
        "0.4s left - 10.0ms/step - accuracy: 0.7500 - loss: 0.2500 - 100 steps/s",
    )
    live.clock += 2.0  # validation
    callbacks.on_epoch_end(0, {"loss": 0.125})
    assert live.display.finished == ["60/100 - 12.6s - 10.0ms/step - loss: 0.1250 - compiled in 10.0 s"]


def test_the_time_of_a_step_is_elapsed_time_over_steps_however_late_a_chunk_is_read(live):
    callbacks = make(steps=17, epochs=3)
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        live.clock += 1.7  # 16 steps, while the last is dispatched, which is read at once
        callbacks.on_progress("train", 16, {})
        live.clock += 1e-6
        callbacks.on_progress("train", 17, {})
        callbacks.on_epoch_end(epoch, {})
    assert live.display.finished == ["17/17 - 1.7s - 100.0ms/step"] * 2


def test_steps_that_a_compilation_hides_are_not_timed(live):
    callbacks = make(steps=21, epochs=1)
    callbacks.on_epoch_begin(0)
    live.clock += 1.0
    callbacks.on_progress("train", 10, {})
    callbacks.on_compile_begin("train", 20)  # the last batch is smaller, and ten batches are still computed
    assert live.display.drawn[-1] == ("10/21", 10 / 21, "compiling - 100.0ms/step - 10.0 steps/s")
    live.clock += 5.0
    callbacks.on_compile_end("train", 5.0)
    callbacks.on_progress("train", 20, {})
    live.clock += 0.1
    callbacks.on_progress("train", 21, {})
    callbacks.on_epoch_end(0, {})
    assert live.display.finished == ["21/21 - 6.1s - 100.0ms/step - compiled in 5.0 s"]


def test_a_resumed_epoch_counts_the_time_of_its_own_steps(live):
    callbacks = make(steps=100, epochs=2)
    callbacks.set_model(types.SimpleNamespace(training_run=types.SimpleNamespace(start=run_state.Position(1, 90))))
    callbacks.on_epoch_begin(1)
    live.clock += 1.0
    callbacks.on_progress("train", 95, {})
    callbacks.on_epoch_end(1, {})
    assert live.display.finished == ["95/100 - 1.0s - 200.0ms/step"]


def test_milliseconds_are_shown_where_seconds_would_be_zero(live):
    callbacks = make(steps=2)
    callbacks.on_epoch_begin(0)
    live.clock += 0.042
    callbacks.on_progress("train", 2, {})
    callbacks.on_epoch_end(0, {})
    assert live.display.finished == ["2/2 - 42ms - 21.0ms/step"]


def test_an_unknown_number_of_steps_is_known_from_the_second_epoch_on(live):
    callbacks = make(steps=None)
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for step in (1, 2):
            live.clock += 1.0
            callbacks.on_progress("train", step, {})
        callbacks.on_epoch_end(epoch, {})
    counts = [(count, fraction) for count, fraction, _ in live.display.drawn]
    assert counts == [("1/?", None), ("2/?", None), ("1/2", 0.5), ("2/2", 1.0)]


def test_validation_moves_on_the_bar_of_the_epoch(live):
    callbacks = CallbackList(None, Model(), {"verbose": 1, "steps": 4, "validation_steps": 8}, add_progbar=True)
    callbacks.on_epoch_begin(0)
    live.clock += 4.0
    callbacks.on_progress("train", 4, {"loss": 0.5})
    callbacks.on_test_begin()
    callbacks.on_compile_begin("test", 0)
    live.clock += 3.0
    callbacks.on_compile_end("test", 3.0)
    live.clock += 1.0
    callbacks.on_progress("test", 2, {"loss": 0.25})
    callbacks.on_test_end({"loss": 0.25})
    callbacks.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.25})
    assert [details for _, _, details in live.display.drawn[1:]] == [
        "compiling - 1.00s/step - loss: 0.5000 - 1.0 steps/s",
        "validation 2/8 - 1.00s/step - loss: 0.5000 - 1.0 steps/s",
    ]
    (line,) = live.display.finished
    assert line == "4/4 - 8.0s - 1.00s/step - loss: 0.5000 - val_loss: 0.2500 - compiled in 3.0 s"


def test_the_number_of_validation_steps_is_known_from_the_second_epoch_on(live):
    callbacks = make()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        callbacks.on_test_begin()
        live.clock += 1.0
        callbacks.on_progress("test", 3, {"loss": 0.5})
        callbacks.on_test_end({"loss": 0.5})
        callbacks.on_epoch_end(epoch, {"loss": 0.5})
    assert [details for _, _, details in live.display.drawn] == ["validation 3/?", "validation 3/3"]


def test_an_error_while_compiling_takes_the_bar_down(live, capsys):
    callbacks = make()
    callbacks.on_epoch_begin(0)
    callbacks.on_compile_begin("train", 0)
    callbacks.close()
    assert live.display.drawn[-1] is None and live.display.finished == []


def test_predict_draws_no_metrics(live):
    callbacks = make(steps=2)
    callbacks.on_predict_begin()
    live.clock += 1.0
    callbacks.on_progress("predict", 1, {"outputs": [object()]})
    assert live.display.drawn == [("1/2", 0.5, "1.0s left - 1.00s/step - 1.0 steps/s")]


def test_verbose_2_draws_nothing_even_in_a_terminal(live, capsys):
    callbacks = make(2, epochs=1)
    callbacks.on_epoch_begin(0)
    live.clock += 1.0
    callbacks.on_progress("train", 4, {})
    callbacks.on_epoch_end(0, {})
    assert live.display.drawn == [] and len(lines(capsys)) == 1


# A real terminal

FIT = """
    import sys, time
    from minidl.callbacks import CallbackList

    callbacks = CallbackList(None, None, {"verbose": 1, "epochs": 2, "steps": 8}, add_progbar=True)
    try:
        for epoch in range(2):
            callbacks.on_epoch_begin(epoch)
            for step in range(1, 9):
                time.sleep(0.05)
                callbacks.on_progress("train", step, {"loss": 1 / step})
                if step == 5:
                    print("said meanwhile")
                if step == 7 and epoch == 1 and "raise" in sys.argv:
                    raise KeyboardInterrupt
            callbacks.on_epoch_end(epoch, {"loss": 0.125})
    finally:
        callbacks.close()
"""


def in_terminal(program, *args, term="xterm-256color"):
    """What a program writes to a terminal of its own, control sequences included."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": term, "COLUMNS": "100", "LINES": "30", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", textwrap.dedent(program), *args]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    written, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline and select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the program has closed its end
            break
        if not piece:
            break
        written += piece
    process.wait(timeout=60)
    os.close(ours)
    return written.decode()


def final_lines(written):
    """The lines that remain on the screen, colours left out. Understands what moves the cursor and erases lines."""
    rows, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if token == "\n":
            row += 1
            rows += [""] * (row == len(rows))
        elif token == "\r":
            column = 0
        elif token == "\x1b[1A":
            row -= 1
        elif token == "\x1b[2K":
            rows[row] = ""
        elif not token.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + token + rows[row][column + len(token) :]
            column += len(token)
    return "\n".join(text.rstrip() for text in rows).rstrip("\n").split("\n")


@pytest.mark.slow
def test_in_a_terminal_the_bar_moves_and_gives_way_to_the_line():
    written = in_terminal(FIT)
    assert written.count("steps/s") >= 2 and "\x1b[32m━" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 2  # the cursor is hidden, and comes back
    rest = [re.sub(TIMES, "TIMES", row) for row in final_lines(written)]
    assert rest == [
        "Epoch 1/2",
        "said meanwhile",
        "8/8 - TIMES - loss: 0.1250",
        "Epoch 2/2",
        "said meanwhile",
        "8/8 - TIMES - loss: 0.1250",
    ]


@pytest.mark.slow
def test_in_a_terminal_an_interrupt_takes_the_bar_down():
    written = in_terminal(FIT, "raise")
    rest = final_lines(written)
    assert re.fullmatch(rf"7/8 - {TIMES} - loss: 0.1429 - unfinished", rest[5])
    assert rest[6].startswith("Traceback") and rest[-1] == "KeyboardInterrupt"
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")


@pytest.mark.slow
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines():
    assert "\x1b" not in in_terminal(FIT, term="dumb")


@pytest.mark.slow
def test_a_bar_within_a_bar_leaves_both_lines():
    program = """
        import time
        from minidl.callbacks import Callback, CallbackList

        class Evaluate(Callback):
            def on_epoch_end(self, epoch, logs=None):
                inner = CallbackList(None, None, {"verbose": 1, "steps": 4}, add_progbar=True)
                inner.on_test_begin()
                for step in range(1, 5):
                    time.sleep(0.05)
                    inner.on_progress("test", step, {"loss": 0.5})
                inner.on_test_end({"loss": 0.5})

        callbacks = CallbackList(Evaluate(), None, {"verbose": 1, "epochs": 1, "steps": 4}, add_progbar=True)
        callbacks.on_epoch_begin(0)
        for step in range(1, 5):
            time.sleep(0.05)
            callbacks.on_progress("train", step, {"loss": 0.25})
        callbacks.on_epoch_end(0, {"loss": 0.25})
    """
    rest = [re.sub(TIMES, "TIMES", row) for row in final_lines(in_terminal(program))]
    assert rest == ["4/4 - TIMES - loss: 0.5000", "4/4 - TIMES - loss: 0.2500"]


# A notebook


def test_in_a_notebook_a_run_is_one_output_changed_in_place(monkeypatch, capsys):
    outputs = []

    class Handle:
        def __init__(self, content):
            self.contents = [content]
            outputs.append(self)

        def update(self, content, raw):
            self.contents.append(content)

    class ZMQInteractiveShell:
        pass

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = lambda content, raw, display_id: Handle(content)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    monkeypatch.setattr(progress_bar, "REFRESH_SECONDS", 0.0)
    callbacks = make()
    fit(callbacks, validate=True)
    callbacks.close()
    assert lines(capsys) == []
    (output,) = outputs
    first, last = output.contents[0], output.contents[-1]
    assert first["text/plain"].startswith("Epoch 1/2\n2/4 - ")
    assert '<progress value="0.5000" max="1"></progress> 2/4 - ' in first["text/html"]
    texts = [re.sub(TIMES, "TIMES", line) for line in last["text/plain"].split("\n")]
    line = "4/4 - TIMES - accuracy: 0.9877 - loss: 0.2500 - val_loss: 1.2300e-04"
    assert texts == ["Epoch 1/2", line, "Epoch 2/2", line]
    assert last["text/html"].count("<polyline") == 2  # loss and val_loss
    assert '<td style="text-align:right">2</td><td style="text-align:right">0.9877</td>' in last["text/html"]
    assert "<progress" not in last["text/html"] and "\x1b" not in str(output.contents)


@pytest.mark.slow
def test_in_a_real_notebook():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cell = nbformat.v4.new_code_cell(textwrap.dedent(FIT).replace("sys.argv", "()"))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
    (shown,) = [output["data"] for output in cell.outputs if output.output_type == "display_data"]
    line = "8/8 - TIMES - loss: 0.1250"
    assert re.sub(TIMES, "TIMES", shown["text/plain"]) == f"Epoch 1/2\n{line}\nEpoch 2/2\n{line}"
    assert re.sub(TIMES, "TIMES", shown["text/html"]).startswith(
        f'<div><div style="font-family:monospace">Epoch 2/2: {line}'
    )
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    assert printed == "said meanwhile\nsaid meanwhile\n"


def test_ipython_outside_a_notebook_counts_as_what_stdout_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    assert isinstance(displays.choose_display(), displays.LineDisplay)
