"""A training of two processes that one of them ends: `python -m tests.distribution.failing HOW`."""

import os
import signal
import sys

import jax

import minidl as keras
from minidl import callbacks, distribution
from tests.distribution.training import data, model


class Ending(callbacks.Callback):
    """Ends process 1 in its third epoch."""

    def __init__(self, how):
        self.how = how

    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
        if epoch == 2 and jax.process_index() == 1:
            if self.how == "exception":
                raise RuntimeError("something of the user's failed")
            os.kill(os.getpid(), getattr(signal, self.how))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell has started this in the background
    distribution.initialize()
    distribution.set_distribution(distribution.DataParallel())
    keras.utils.set_random_seed(1)
    trained, (x, y) = model(), data()
    trained.fit(x, y, epochs=100000, verbose=0, callbacks=[Ending(sys.argv[1])])
