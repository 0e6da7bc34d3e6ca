"""What makes batches ends with the call that reads it, also where that is refused before it begins."""

import gc
import multiprocessing

import numpy as np
import pytest

import minidl
from minidl.utils import worker_pool


class Worked(minidl.utils.PyDataset):
    """Batches from another process; `wrong` ones cannot be trained on."""

    def __init__(self, batch):
        super().__init__(workers=1, use_multiprocessing=True)
        self.batch = batch

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.batch


def fit_fails(x, fresh=True, **options):
    model = minidl.Sequential([minidl.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    if not fresh:
        model.build((None, 5))
    with pytest.raises((ValueError, TypeError, KeyError)):
        model.fit(x, verbose=0, **options)
    assert model.training_run is None


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True])
def test_nothing_is_left_of_a_fit_that_was_refused(fresh):
    """Wrong targets, NaN, wrong validation data, a callback that refuses the run: workers and generators end."""
    rows, labels = np.ones((8, 5), "float32"), np.arange(8) % 3
    closed = []

    def batches():
        try:
            while True:
                yield rows, labels
        finally:
            closed.append(True)

    def refuse(logs):
        raise ValueError("refused")

    right, wrong = (rows, labels), (rows, labels + 7)
    fit_fails(Worked(wrong), fresh)
    fit_fails(Worked((rows * np.nan, labels)), fresh)
    fit_fails(Worked((rows, labels[:3])), fresh)
    fit_fails(Worked(right), fresh, validation_data=wrong)
    fit_fails(Worked(right), fresh, validation_data=Worked(wrong))
    fit_fails(Worked(right), fresh, callbacks=minidl.callbacks.LambdaCallback(on_train_begin=refuse))
    assert not multiprocessing.active_children() and not worker_pool._pools
    fit_fails(batches(), fresh, steps_per_epoch=2, validation_data=wrong)
    gc.collect()
    assert closed == [True]
