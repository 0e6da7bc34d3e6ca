"""Processes that differ, by mistake: `python -m tests.distribution.differing WHAT`."""

import sys

import jax
import numpy as np

import minidl as keras
from minidl import distribution
from tests.distribution.training import data, model

if __name__ == "__main__":
    what = sys.argv[1]
    distribution.initialize()
    distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=what != "streams"))
    keras.utils.set_random_seed(jax.process_index() if what == "weights" else 1)
    trained, (x, y) = model(), data()
    trained.build((None, 20))
    keras.utils.set_random_seed(1)
    if what == "random":
        np.random.normal(size=1 + jax.process_index())
    if what == "streams":
        x, y = iter([(x[:8], y[:8])] * (3 + jax.process_index())), None
    trained.fit(x, y, verbose=0)
