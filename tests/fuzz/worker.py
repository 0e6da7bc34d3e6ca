"""Runs cases on both libraries and says what differs, here or in processes forked before JAX has threads.

The fork server imports this module, hence Keras and minidl, without a backend; it forks in a moment.
"""

import gc
import logging
import multiprocessing
import multiprocessing.connection
import os
import random
import time
import warnings

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault(  # compilation is most of the time
    "XLA_FLAGS",
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 "
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)

import jax
import keras

import minidl
from tests.fuzz import (
    compare,
    departures,
    functions,
    gradients,
    layers,
    losses,
    metrics,
    mixed,
    models,
    optimizers,
    outputs,
    states,
    symbolic,
)
from tests.fuzz.values import Draw

FAMILIES = {
    "functions": functions,
    "losses": losses,
    "metrics": metrics,
    "layers": layers,
    "optimizers": optimizers,
    "models": models,
    "gradients": gradients,
    "symbolic": symbolic,
    "states": states,
    "outputs": outputs,
    "mixed": mixed,
}
SHARES = {"functions": 62, "losses": 10, "metrics": 8, "layers": 14, "optimizers": 3, "models": 3}
LATER = {"gradients": 8, "symbolic": 8, "states": 1, "outputs": 1, "mixed": 1}
LATER_FROM = (
    5000  # the number of the first case of these, so that a number before it gives the case that it always gave
)
CASES_A_WORKER = 250  # compiled programs are never released
keras.utils.set_random_seed(0)  # imports TensorFlow where it is installed, once for all workers


def draw(seed, number):
    """Description of one case."""
    rng = random.Random(f"{seed}/{number}")
    shares = SHARES if number < LATER_FROM else LATER
    family = rng.choices(list(shares), list(shares.values()))[0]
    return {"family": family, **FAMILIES[family].draw(Draw(rng))}


def outcome(library, case):
    """What a library makes of a case: ("value", ...) or ("error", ...)."""
    library.config.set_floatx("float32")
    library.config.set_dtype_policy("float32")
    library.utils.clear_session(free_memory=False)
    library.utils.set_random_seed(case.get("seed", 1))
    try:
        return "value", compare.plain(FAMILIES[case["family"]].run(library, case))
    except Exception as error:  # whatever it is, the other library has to raise, too
        return "error", f"{type(error).__name__}: {error}"[:300]


def check(case):
    """What differs between the libraries, or None; a listed departure gives None."""
    theirs, ours = outcome(keras, case), outcome(minidl, case)
    if theirs[0] == ours[0] == "error":
        return None
    if "error" in (theirs[0], ours[0]):
        found = f"{theirs[0]} in Keras, {ours[0]} in minidl: {theirs[1] if theirs[0] == 'error' else ours[1]}"
    else:
        found = "; ".join(compare.differences(theirs[1], ours[1], case.get("tolerance", 1.0)))[:600]
    return found if found and not departures.reason(case, theirs, ours) else None


def serve(pipe):
    """Answer numbers of cases with what differs, until None comes."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    gc.freeze()  # what was imported need not be looked through again and again
    jax.config.update("jax_enable_compilation_cache", False)
    while (job := pipe.recv()) is not None:
        pipe.send(check(draw(*job)))


class _Worker:
    def __init__(self, context):
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.done, self.case, self.since = 0, None, 0.0

    def give(self, seed, case):
        self.case, self.since = case, time.monotonic()
        self.pipe.send((seed, case))

    def end(self):
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run(seed, cases, workers=2, seconds=120.0):
    """Yield (case, difference or None) of each case; a worker that dies or hangs is a difference; the rest goes on."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fuzz.worker"])
    waiting, busy = iter(cases), [_Worker(context) for _ in range(workers)]
    for worker in list(busy):
        _next(worker, busy, waiting, seed)
    while busy:
        ready = multiprocessing.connection.wait([worker.pipe for worker in busy], timeout=1.0)
        for worker in list(busy):
            late = time.monotonic() - worker.since > seconds
            if worker.pipe not in ready and not late:
                continue
            try:
                found = worker.pipe.recv() if worker.pipe in ready else f"no answer in {seconds:.0f} seconds"
                dead = worker.pipe not in ready
            except EOFError:
                worker.process.join()
                found, dead = f"the worker died with exit code {worker.process.exitcode}", True
            yield worker.case, found
            worker.done += 1
            if dead or worker.done >= CASES_A_WORKER:
                worker.end()
                busy.remove(worker)
                worker = _Worker(context)
                busy.append(worker)
            _next(worker, busy, waiting, seed)


def _next(worker, busy, waiting, seed):
    case = next(waiting, None)
    if case is None:
        worker.end()
        busy.remove(worker)
    else:
        worker.give(seed, case)
