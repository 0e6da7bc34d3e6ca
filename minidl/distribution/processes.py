"""Several processes that compute together: how they find each other, and how they begin alike."""

from __future__ import annotations

import os
import pickle
import random

import jax
import numpy as np

from minidl.core import processes
from minidl.random import is_seeded, reset_generator

_HEARTBEAT_SECONDS, _SHUTDOWN_SECONDS = 20, 10  # a process that was killed ends the others within 45 s


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Let this process compute together with others. Call it in each of them, before anything is computed.

    What is not given comes from the environment variables `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`; else from the cluster, as JAX finds it
    (Slurm, Open MPI, Kubernetes, Cloud TPU).

    All processes run the same program. Python's and NumPy's random generators start as in process 0, unless
    `set_random_seed` was called. A process that ends with an error, or is killed, ends the others in under a minute.

    Args:
        job_addresses: the addresses of the processes, separated by commas, "10.0.0.1:1234,10.0.0.2:1234"; the first
            one, of process 0, is enough; else there has to be one for each process.
        num_processes: how many processes there are.
        process_id: the number of this one, from 0.

    Raises:
        ValueError: numbers out of range, an address without a port, or another number of addresses than of processes.
        RuntimeError: JAX has computed something before, or the processes do not find each other.
    """
    job_addresses = job_addresses or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    num_processes = _number(num_processes, "num_processes", "KERAS_DISTRIBUTION_NUM_PROCESSES")
    process_id = _number(process_id, "process_id", "KERAS_DISTRIBUTION_PROCESS_ID")
    if num_processes is not None and process_id is not None and not 0 <= process_id < num_processes:
        raise ValueError(f"initialize: process_id must be from 0 to {num_processes - 1}, got {process_id}.")
    addresses = [] if job_addresses is None else job_addresses.split(",")
    if len(addresses) > 1 and num_processes not in (None, len(addresses)):
        raise ValueError(
            f"initialize: got {len(addresses)} job_addresses for num_processes={num_processes}. Give the address of "
            "process 0 alone, or one for each process."
        )
    address = addresses[0].strip() if addresses else None
    if address is not None and not address.rpartition(":")[2].isdigit():
        raise ValueError(f"initialize: expected addresses with ports such as '10.0.0.1:1234', got {job_addresses!r}.")
    jax.config.update("jax_enable_preemption_service", False)  # it would swallow SIGTERM
    jax.distributed.initialize(
        address,
        num_processes,
        process_id,
        heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
    )
    if not is_seeded():
        _share_random_states()


def _share_random_states() -> None:
    states = random.getstate(), np.random.get_state(legacy=False)
    python, numpy = pickle.loads(processes.bytes_from_first(pickle.dumps(states)))  # from a process of this program
    random.setstate(python)
    np.random.set_state(numpy)
    reset_generator()


def _number(given: int | None, name: str, variable: str) -> int | None:
    text = given if given is not None else os.environ.get(variable)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"initialize: {name} must be an integer, got {variable}={text!r}.") from error
