"""CSVLogger: what tests/references does not show, such as files that are continued, errors and real training."""

import csv

import pytest

import minidl
from minidl.callbacks import CSVLogger
from tests.references import callbacks as references


def run(logger, epochs, state=None):
    logger.on_train_begin()
    if state is not None:
        logger.set_state(state)
    for epoch in epochs:
        logger.on_epoch_end(epoch, {"loss": 0.5, "val_loss": epoch / 2})
    logger.on_train_end()


def rows(path):
    with open(path, newline="") as file:
        return [row[0] for row in csv.reader(file)]


def test_each_epoch_is_in_the_file_when_it_is_over(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 1.0})
        assert rows(path) == ["epoch", *map(str, range(epoch + 1))]


def test_one_object_serves_several_fits(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    run(logger, [0, 1])
    run(logger, [0])
    assert rows(tmp_path / "log.csv") == ["epoch", "0"]
    appender = CSVLogger(tmp_path / "log.csv", append=True)
    run(appender, [1])
    run(appender, [2])
    assert rows(tmp_path / "log.csv") == ["epoch", "0", "1", "2"]


def test_a_continued_file_keeps_its_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,val_loss,other\n0,0.25,1")  # as an editor may leave it, without the last line's end
    with pytest.warns(UserWarning, match="has no column for loss: not written"):
        run(CSVLogger(path, append=True), [1])
    assert path.read_bytes() == b"epoch,val_loss,other\n0,0.25,1\r\n1,0.5,NA\r\n"


def test_an_empty_file_is_continued_with_a_header(tmp_path):
    (tmp_path / "log.csv").write_text("")
    run(CSVLogger(tmp_path / "log.csv", append=True), [0])
    assert rows(tmp_path / "log.csv") == ["epoch", "0"]


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch;loss\n0;0.5\n")
    with pytest.raises(ValueError, match="does not begin with 'epoch'. Give the separator"):
        CSVLogger(path, append=True).on_train_begin()
    assert path.read_text() == "epoch;loss\n0;0.5\n"


@pytest.mark.parametrize("append", [False, True])
def test_a_run_that_goes_on_rewrites_the_epochs_that_it_repeats(tmp_path, append):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,val_loss\r\n7,1.0,1.0\r\n")
    logger = CSVLogger(path, append=append)
    logger.on_train_begin()
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 0.5, "val_loss": epoch / 2})
        if epoch == 1:
            state = logger.get_state()
    with open(path, "a") as file:
        file.write("3,0.")  # a row that was cut off
    again = CSVLogger(path, append=append)
    run(again, [2, 3], state)
    assert rows(path) == ["epoch", *(["7"] if append else []), "0", "1", "2", "3"]


def test_a_run_that_goes_on_without_its_file_begins_a_new_one(tmp_path):
    run(CSVLogger(tmp_path / "log.csv"), [4], {"size": 1000})
    assert rows(tmp_path / "log.csv") == ["epoch", "4"]


def test_a_missing_folder_is_named_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="CSVLogger: the folder '.*missing' of .* does not exist"):
        CSVLogger(tmp_path / "missing" / "log.csv").on_train_begin()


def test_it_writes_what_the_history_has(tmp_path):
    model = references.small_model(minidl, "sgd")
    path = tmp_path / "log.csv"
    history = model.fit(*references.data(), epochs=2, verbose=0, callbacks=CSVLogger(path))
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in table] == history.history["loss"]
    assert [row["val_loss"] for row in table] == ["NA", "NA"]
