"""Learning rate schedules: their values at many steps, their configs, and an optimizer that follows one."""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

STEPS = np.array([*range(0, 45), 59, 60, 61, 69, 70, 71, 149, 150, 151, 1000, 100_000], "int32")

SCHEDULES: dict[str, tuple[str, dict[str, Any]]] = {
    "exponential": ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9}),
    "exponential_stairs": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7.5, "decay_rate": 0.9, "staircase": True},
    ),
    "piecewise": ("PiecewiseConstantDecay", {"boundaries": [3, 20, 60], "values": [1.0, 0.5, 0.0, 0.25]}),
    "piecewise_once": ("PiecewiseConstantDecay", {"boundaries": [10], "values": [1.0, 0.1]}),
    "polynomial": ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    "polynomial_cycle": (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.02, "power": 0.5, "cycle": True},
    ),
    "polynomial_up": (
        "PolynomialDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 20, "end_learning_rate": 0.5, "power": 2.0},
    ),
    "inverse": ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    "inverse_stairs": (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 2.0, "staircase": True},
    ),
    "cosine": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    "cosine_alpha": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "alpha": 0.25}),
    "cosine_warmup": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 30, "alpha": 0.1, "warmup_target": 0.5, "warmup_steps": 12},
    ),
    "cosine_no_warmup": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 30, "warmup_target": 0.5},
    ),
    "restarts": ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
    "restarts_even": ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 20, "t_mul": 1.0}),
    "restarts_lower": (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 9, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1},
    ),
}


def cases(keras: Any) -> dict[str, Any]:
    """Values at all steps in one compiled call, and weights under a schedule with accumulated gradients."""
    made = {name: make(keras, name) for name in SCHEDULES}

    @jax.jit
    def values(steps: Any) -> Any:
        return {name: jax.vmap(schedule)(steps) for name, schedule in made.items()}

    numbers = {name: np.asarray(value) for name, value in values(STEPS).items()}
    for name, schedule in made.items():
        numbers[f"{name}/exact_config"] = np.array(json.dumps(keras.optimizers.schedules.serialize(schedule)))

    weight = keras.Variable(np.ones(3, "float32"), name="weight")
    optimizer = keras.optimizers.SGD(made["cosine_warmup"], weight_decay=0.1, gradient_accumulation_steps=2)
    optimizer.build([weight])
    state, weights = [variable.value for variable in optimizer.variables], [weight.value]
    step = jax.jit(optimizer.stateless_apply)
    for i in range(8):
        weights, state = step(state, [jnp.float32([1.0, -0.5, 0.1]) * i], weights)
    numbers["optimizer/weight"] = np.asarray(weights[0])
    return numbers


def make(keras: Any, name: str) -> Any:
    """A schedule of the table."""
    kind, arguments = SCHEDULES[name]
    return getattr(keras.optimizers.schedules, kind)(**arguments)
