"""Optimizers: weights after 1, 10 and 100 steps, and every variable of the optimizer, with every option."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.references import COMPILE_FAST

STEPS = 100
WEIGHTS = {"kernel": (2, 3), "bias": (3,), "conv": (2, 2, 2), "embedding": (2, 1)}
SIZE = sum(int(np.prod(shape)) for shape in WEIGHTS.values())

PLAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "momentum": ("SGD", {"learning_rate": 0.02, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.02, "momentum": 0.8, "nesterov": True}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.02}),
    "rmsprop_momentum": ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.7}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.01, "centered": True, "epsilon": 1e-3}),
    "rmsprop_both": ("RMSprop", {"learning_rate": 0.01, "centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    "adam": ("Adam", {"learning_rate": 0.03}),
    "adam_betas": ("Adam", {"learning_rate": 0.03, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1}),
    "amsgrad": ("Adam", {"learning_rate": 0.03, "beta_2": 0.8, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.03}),
    "adamw_amsgrad": ("AdamW", {"learning_rate": 0.03, "weight_decay": 0.1, "amsgrad": True}),
    "adamax": ("Adamax", {"learning_rate": 0.03, "beta_2": 0.9}),
    "nadam": ("Nadam", {"learning_rate": 0.03}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.9}),
    "adafactor": ("Adafactor", {"learning_rate": 0.05}),
    "adafactor_options": (
        "Adafactor",
        {"beta_2_decay": -0.6, "epsilon_1": 1e-3, "epsilon_2": 0.1, "clip_threshold": 0.5, "relative_step": False},
    ),
    "ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "ftrl_options": (
        "Ftrl",
        {
            "learning_rate": 0.2,
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.1,
        },
    ),
    "lion": ("Lion", {"learning_rate": 0.02, "beta_1": 0.8}),
    "lamb": ("Lamb", {"learning_rate": 0.02}),
    "muon": ("Muon", {"learning_rate": 0.03}),
    "muon_options": (
        "Muon",
        {
            "learning_rate": 0.03,
            "adam_weight_decay": 0.1,
            "exclude_embeddings": False,
            "exclude_layers": ["kern"],
            "adam_lr_ratio": 0.5,
            "momentum": 0.8,
            "ns_steps": 3,
            "nesterov": False,
            "rms_rate": None,
        },
    ),
    "schedule_free": ("ScheduleFreeAdamW", {"learning_rate": 0.03}),
    "schedule_free_warmup": ("ScheduleFreeAdamW", {"learning_rate": 0.03, "beta_1": 0.8, "warmup_steps": 20}),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "weight_decay": {"weight_decay": 0.2},
    "exclude_names": {"weight_decay": 0.2},
    "exclude_list": {"weight_decay": 0.2},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.7},
    "zero_clipnorm": {"clipnorm": 0.0},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 7},
    "accumulation": {"gradient_accumulation_steps": 3},
    "loss_scale": {"loss_scale_factor": 64.0},
    "constraint": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 4},
    "schedule": {},
    "learning_rate": {},
    "together": {
        "weight_decay": 0.1,
        "global_clipnorm": 0.7,
        "use_ema": True,
        "ema_momentum": 0.8,
        "ema_overwrite_frequency": 5,
        "loss_scale_factor": 8.0,
        "gradient_accumulation_steps": 2,
    },
}
# Options are code that all optimizers share: here each option meets two of them, and each optimizer meets most options
# together; in optimizers_options.py every optimizer meets every option.
FIRST = {kind: name for name, (kind, _) in reversed(PLAIN.items())}
ROWS = [(name, "plain") for name in PLAIN]
ROWS += [(name, option) for name in ("momentum", "adamw_amsgrad") for option in OPTIONS]
ROWS += [(name, "together") for name in FIRST.values()]


def cases(keras: Any) -> dict[str, Any]:
    """Every row, and the optimizers that hold others."""
    return {**of_rows(keras, ROWS), **of_holders(keras)}


def of_rows(keras: Any, rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Rows, all in one compiled loop of half the steps that is run twice, so that one can step in between."""
    made = {f"{name}/{option}": make(keras, name, option) for name, option in rows}
    states = {case: values_of(*row) for case, row in made.items()}
    noise = np.random.RandomState(0).normal(size=(STEPS, SIZE)).astype("float32")

    @functools.partial(jax.jit, compiler_options=COMPILE_FAST)
    def half(states: Any, noise: Any) -> Any:
        def step(states: Any, noise: Any) -> Any:
            new = {case: one_step(optimizer, *states[case], noise) for case, (optimizer, _) in made.items()}
            return new, {case: weights for case, (weights, _) in new.items()}

        return jax.lax.scan(step, states, noise)

    states, first = half(states, noise[: STEPS // 2])
    for case, (optimizer, weights) in made.items():
        if case.endswith("/learning_rate"):  # changed in the middle of training
            put(optimizer, weights, states[case])
            optimizer.learning_rate = 0.2
            states[case] = values_of(optimizer, weights)
    states, second = half(states, noise[STEPS // 2 :])

    numbers: dict[str, Any] = {}
    for case, (optimizer, weights) in made.items():
        put(optimizer, weights, states[case])
        snapshots = zip(first[case], second[case], strict=True)
        numbers[f"{case}/weights"] = np.concatenate(
            [np.stack([early[0], early[9], late[-1]]).reshape(3, -1) for early, late in snapshots], axis=1
        )
        slots = optimizer.variables
        if case.partition("/")[2] in ("plain", "learning_rate", "accumulation", "together"):
            numbers[f"{case}/exact_iteration"] = np.asarray(optimizer.iterations)
            if type(optimizer).__name__ not in (
                "Adafactor",
                "Nadam",
            ):  # some of theirs have no path that means anything
                numbers[f"{case}/exact_paths"] = np.array([variable.path for variable in optimizer.variables])
        else:
            slots = [variable for variable in slots if variable.shape]
        for index, variable in enumerate(slots):
            numbers[f"{case}/{index}"] = np.asarray(variable)
        if "use_ema" in OPTIONS.get(case.partition("/")[2], {}):
            optimizer.finalize_variable_values(weights)
            numbers[f"{case}/final"] = np.concatenate([np.ravel(weight) for weight in weights])
    return numbers


def of_holders(keras: Any) -> dict[str, Any]:
    """Optimizers that hold others: every weight, number and path after each of a few steps."""
    sgd, adam = keras.optimizers.SGD(0.1, momentum=0.5, name="sgd"), keras.optimizers.Adam(0.1, name="adam")
    lion = keras.optimizers.Lion(0.05, weight_decay=0.1, name="lion")
    holders = {
        "loss_scale": keras.optimizers.LossScaleOptimizer(
            adam, initial_scale=64.0, dynamic_growth_steps=3, name="holder"
        ),
        "multi": keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(sgd, {"ker.*": lion}), loss_scale_factor=2.0, name="holder"
        ),
    }
    numbers: dict[str, Any] = {}
    for name, holder in holders.items():
        weights = [keras.Variable(np.ones(shape, "float32"), name=w) for w, shape in WEIGHTS.items()]
        holder.build(weights)
        step = jax.jit(holder.stateless_apply)
        states = [values_of(holder, weights)]
        for i in range(9):
            # The sixth step overflows, which one of the holders notices.
            gradients = [
                jnp.cos(i + value) * (jnp.inf if i == 5 and name == "loss_scale" else 64.0) for value in states[-1][0]
            ]
            states.append(step(states[-1][1], gradients, states[-1][0]))
        for index, values in enumerate(zip(*([*state[0], *state[1]] for state in states), strict=True)):
            numbers[f"{name}/{index}"] = np.stack(values)
        numbers[f"{name}/exact_paths"] = np.array([variable.path for variable in holder.variables])
        put(holder, weights, states[-1])
        numbers[f"{name}/scaled_loss"] = np.asarray(holder.scale_loss(3.0))
    return numbers


def make(keras: Any, name: str, option: str) -> tuple[Any, list[Any]]:
    """An optimizer that is built, and its weights."""
    random = np.random.RandomState(1)
    weights = [keras.Variable(random.normal(size=shape).astype("float32"), name=w) for w, shape in WEIGHTS.items()]
    kind, arguments = PLAIN[name]
    arguments = {**arguments, **OPTIONS.get(option, {})}
    if option == "schedule":
        arguments["learning_rate"] = lambda: 0.04
    optimizer = getattr(keras.optimizers, kind)(**arguments, name="it")
    if option == "exclude_names":
        optimizer.exclude_from_weight_decay(var_names=["bia", "norm"])
    if option == "exclude_list":
        optimizer.exclude_from_weight_decay(var_list=[weights[0], weights[2]])
    if option == "constraint":
        weights[0].constraint = keras.constraints.UnitNorm()
    optimizer.build(weights)
    return optimizer, weights


def one_step(optimizer: Any, weights: list[Any], variables: list[Any], noise: Any) -> tuple[list[Any], list[Any]]:
    """A step on a valley that is steeper along some axes, with noise in the gradients."""
    kernel, bias, conv, embedding = weights
    gradients = [
        jnp.float32([[4.0, 1.0, 0.1], [0.5, 2.0, 0.0]]) * kernel + noise[:6].reshape(2, 3),
        jnp.float32([1.0, 0.01, 3.0]) * jnp.tanh(bias) + 0.1 * noise[6:9],
        2 * jnp.tanh(conv) + jnp.mean(bias) + 0.5 * noise[9:17].reshape(2, 2, 2),
        jnp.float32([[3.0], [0.2]]) * embedding + 0.3 * noise[17:].reshape(2, 1),
    ]
    if optimizer.loss_scale_factor is not None:
        gradients = [gradient * optimizer.loss_scale_factor for gradient in gradients]
    weights, variables = optimizer.stateless_apply(variables, gradients, weights)
    return list(weights), list(variables)


def values_of(optimizer: Any, weights: list[Any]) -> tuple[list[Any], list[Any]]:
    """What the variables hold."""
    return [weight.value for weight in weights], [variable.value for variable in optimizer.variables]


def put(optimizer: Any, weights: list[Any], state: tuple[list[Any], list[Any]]) -> None:
    """Let the variables hold a state."""
    for variable, value in zip([*weights, *optimizer.variables], [*state[0], *state[1]], strict=True):
        variable.assign(value)
