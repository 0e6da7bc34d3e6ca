"""Learning rate schedules: functions of the step that can be saved, based on optax's schedules where it has them.

The learning rate of an optimizer may be any function of the step. A `LearningRateSchedule` also has a config. Steps
count from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import optax

from minidl.core import dtypes, naming, serialization
from minidl.core.arguments import CheckedArguments
from minidl.core.typing import Array, ArrayLike, Config
from minidl.core.variables import Variable


class LearningRateSchedule(CheckedArguments):
    """Base class of learning rate schedules: a subclass has `__call__(step)`, and `get_config` so that it can be saved.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5**step
    >>> Halving()(2)
    0.25
    """

    def __call__(self, step: ArrayLike) -> ArrayLike:
        """The learning rate at a step."""
        raise NotImplementedError(f"{type(self).__name__} has no `__call__(self, step)` method.")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        raise NotImplementedError(f"{type(self).__name__} has no `get_config` method, so it cannot be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new schedule from the config of `get_config`."""
        return cls(**config)


class _DecayByRate(LearningRateSchedule):
    """The arguments of schedules that decay by `decay_rate` every `decay_steps` steps."""

    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _checked_steps(self, "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class ExponentialDecay(_DecayByRate):
    """Exponential decay: `initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: see above.
        decay_rate: see above.
        staircase: whether to round `step / decay_steps` down, so that the rate decays in discrete steps.
        name: default "ExponentialDecay".

    Raises:
        ValueError: decay_steps is not above 0.

    Example:
    >>> float(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: ArrayLike) -> Array:
        schedule = optax.exponential_decay(
            self.initial_learning_rate, self.decay_steps, self.decay_rate, staircase=self.staircase
        )
        return _rate(schedule(_float(step)))


class PiecewiseConstantDecay(LearningRateSchedule):
    """Piecewise constant rate: `values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.

    Args:
        boundaries: the last step of each interval except the last one, in increasing order.
        values: the rate in each interval, one more than there are boundaries.
        name: default "PiecewiseConstant".

    Raises:
        ValueError: the number of values is not that of the boundaries plus one.

    Example:
    >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
    >>> [float(schedule(step)) for step in (10, 11, 20, 21)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: {len(boundaries)} boundaries need {len(boundaries) + 1} values, got "
                f"{len(values)}: boundaries={list(boundaries)}, values={list(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: ArrayLike) -> Array:
        passed = jnp.sum(_float(step) > jnp.asarray(self.boundaries, dtypes.floatx()))
        return _rate(self.values)[passed]

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": list(self.boundaries), "values": list(self.values), "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """Polynomial decay from one rate to another over `decay_steps`; constant afterwards.

        (initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: see above.
        end_learning_rate: the rate at the end.
        power: see above; 1 is linear decay.
        cycle: whether to double, triple, ... `decay_steps` after the end, so that the rate jumps up and decays
            again.
        name: default "PolynomialDecay".

    Raises:
        ValueError: decay_steps is not above 0.

    Example:
    >>> schedule = PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.5)
    >>> [float(schedule(step)) for step in (0, 2, 4, 6)]
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _checked_steps(self, "decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: ArrayLike) -> Array:
        time = _float(step) / self.decay_steps
        cycles = jnp.maximum(1, jnp.ceil(time)) if self.cycle else 1
        # optax.polynomial_schedule has no lower bound: a remainder rounded to below 0 would give NaN as a root.
        remaining = jnp.maximum(0, 1 - time / cycles)
        start, end = self.initial_learning_rate, self.end_learning_rate
        return _rate((start - end) * remaining**self.power + end)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class InverseTimeDecay(_DecayByRate):
    """Inverse time decay: `initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: see above.
        decay_rate: see above.
        staircase: whether to round `step / decay_steps` down, so that the rate decays in discrete steps.
        name: default "InverseTimeDecay".

    Raises:
        ValueError: decay_steps is not above 0.

    Example:
    >>> float(InverseTimeDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: ArrayLike) -> Array:
        time = _float(step) / self.decay_steps
        time = jnp.floor(time) if self.staircase else time
        return _rate(self.initial_learning_rate / (1 + self.decay_rate * time))


class CosineDecay(LearningRateSchedule):
    """Cosine decay (Loshchilov and Hutter, 2017), after an optional linear warmup.

        fraction = (step - warmup_steps) / decay_steps          (at most 1)
        peak * ((1 - alpha) * (1 + cos(pi * fraction)) / 2 + alpha)

    The peak is `initial_learning_rate`; with a warmup (Goyal et al., 2017), the rate first rises linearly from
    `initial_learning_rate` to the peak `warmup_target`.

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: the number of steps of the decay, after the warmup.
        alpha: the rate at the end, as a fraction of the peak.
        name: default "CosineDecay".
        warmup_target: the rate at the end of the warmup; None for no warmup.
        warmup_steps: the number of steps of the warmup.

    Raises:
        ValueError: decay_steps is not above 0.

    Example:
    >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=1.0, warmup_steps=4)
    >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 9, 14)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _checked_steps(self, "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: ArrayLike) -> Array:
        start, target = self.initial_learning_rate, self.warmup_target
        if target is None:
            return _rate(optax.cosine_decay_schedule(start, self.decay_steps, self.alpha)(_float(step)))
        decay = optax.cosine_decay_schedule(target, self.decay_steps, self.alpha)
        warmup = optax.linear_schedule(start, target, self.warmup_steps)
        return _rate(optax.join_schedules([warmup, decay], [self.warmup_steps])(_float(step)))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay with warm restarts (SGDR, Loshchilov and Hutter, 2017).

        initial_learning_rate * ((1 - alpha) * m_mul ** i * (1 + cos(pi * fraction)) / 2 + alpha)

    Period i = 0, 1, ... has `first_decay_steps * t_mul ** i` steps; `fraction` is the elapsed part of the period.

    Args:
        initial_learning_rate: the learning rate at step 0.
        first_decay_steps: the number of steps of the first period.
        t_mul: the ratio of the lengths of successive periods, at least 1.
        m_mul: the ratio of the initial rates of successive periods.
        alpha: see above.
        name: default "SGDRDecay".

    Raises:
        ValueError: first_decay_steps is not above 0.

    Example:
    >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=4)
    >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 8, 12)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _checked_steps(self, "first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: ArrayLike) -> Array:
        time = _float(step) / self.first_decay_steps  # in first periods
        if self.t_mul == 1:
            period = jnp.floor(time)
            fraction = time - period
        else:  # period i begins at 1 + t_mul + ... + t_mul^(i-1) = (1 - t_mul^i) / (1 - t_mul)
            t_mul = _rate(self.t_mul)
            period = jnp.floor(jnp.log(1 - time * (1 - t_mul)) / jnp.log(t_mul))
            length = t_mul**period
            fraction = (time - (1 - length) / (1 - t_mul)) / length
        height = _rate(self.m_mul) ** period
        wave = 0.5 * height * (1 + jnp.cos(math.pi * fraction))
        return _rate(self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_CLASSES = ExponentialDecay, PiecewiseConstantDecay, PolynomialDecay, InverseTimeDecay, CosineDecay, CosineDecayRestarts
NAMES: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES}

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def serialize(learning_rate_schedule: Callable[..., Any]) -> Config | str:
    """The config of a schedule as plain data for JSON (for a function: its name).

    >>> serialize(InverseTimeDecay(0.1, 10, 0.5))["class_name"]
    'InverseTimeDecay'
    """
    own = naming.is_own(type(learning_rate_schedule))
    return serialization.serialize(learning_rate_schedule, module="keras.optimizers.schedules" if own else None)


def deserialize(config: Config | str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new schedule from its config; pass your own schedules and functions in `custom_objects`."""
    return serialization.deserialize(config, NAMES, "learning rate schedule", custom_objects)


def _checked_steps(schedule: LearningRateSchedule, name: str, steps: float) -> Any:
    if not steps > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} must be above 0, got {steps}.")
    return steps


def _float(step: ArrayLike | Variable) -> Array:
    return jnp.asarray(step.value if isinstance(step, Variable) else step, dtypes.floatx())


def _rate(value: Any) -> Array:
    return jnp.asarray(value, dtypes.floatx())
