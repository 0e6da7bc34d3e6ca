"""Compiled: the `compile` method of models, and its arguments as a config."""

from __future__ import annotations

from typing import Any

from minidl import losses, metrics, optimizers
from minidl.core import naming, serialization, tracebacks
from minidl.core.tracebacks import warn
from minidl.layers.base import Layer
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data.known_inputs import KnownInputs
from minidl.training.targets.objectives import Objectives


class Compiled(Layer):
    """The part of `Trainer` for `compile`: the optimizer, the losses and the metrics."""

    optimizer: Any
    objectives: Any
    loss: Any
    run_eagerly: bool
    steps_per_execution: int | str
    stop_training: bool
    _steps: CompiledSteps | None
    _known_inputs: KnownInputs
    jit_compile: bool | str

    @tracebacks.filtered
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configure the model for training.

        Args:
            optimizer: name, `Optimizer`, or any optax transformation.
            loss: name, function of (y_true, y_pred), or `Loss`.
            loss_weights: factor of the loss.
            metrics: a list of names, functions or `Metric` objects; "accuracy" selects the kind for the outputs.
            weighted_metrics: the same, weighted by the sample weights.
            run_eagerly: do not compile, so that `print` and `breakpoint` in layers show values. (`jax.debug.print`,
                `jax.debug.breakpoint` and `jax_debug_nans` work in compiled steps too.)
            steps_per_execution: accepted; the number of steps per compiled call is adapted while training.
            jit_compile: accepted; training is always compiled, unless `run_eagerly`.
            auto_scale_loss: whether to wrap the optimizer in a `LossScaleOptimizer` if the model's dtype policy is
                "mixed_float16", where small gradients underflow.

        Raises:
            ValueError: an unknown name; the message suggests similar ones.
        """
        self.optimizer = optimizers.get(optimizer)
        is_scaled = isinstance(self.optimizer, optimizers.LossScaleOptimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and not is_scaled:
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")
        self.objectives = Objectives(loss, loss_weights, metrics, weighted_metrics)
        self.loss = loss
        self.run_eagerly = run_eagerly
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.stop_training = False
        self._forget()

    def _forget(self) -> None:
        """Clear what is derived from the layers and from compile()."""
        self._steps = None
        self._known_inputs = KnownInputs()

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.objectives is not None

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile` as plain data; empty if it was not called, or with an optax transformation.

        Raises:
            TypeError: a loss or metric that is neither a function nor has a config.
        """
        if not self.compiled:
            return {}
        if isinstance(self.optimizer, optimizers.OptaxOptimizer):
            warn(
                f"{self.name!r} was compiled with an optax transformation, which a file cannot describe: after "
                "loading, compile the model again. The weights, and the optimizer's state, are saved."
            )
            return {}
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            **{name: serialization.serialize(value) for name, value in self.objectives.given.items()},
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": 1 if self.steps_per_execution == "auto" else self.steps_per_execution,
            "jit_compile": True if self.jit_compile == "auto" else self.jit_compile,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the result of `get_compile_config`, and create the optimizer's variables if the model is built.

        A class with its own `compile` must override this, too; otherwise it is left uncompiled, with a warning.

        Raises:
            ValueError: an unknown name.
        """
        if not naming.is_own(type(self).compile):
            warn(
                f"{type(self).__name__} has its own compile(), which was not called while loading: call it, or "
                "override get_compile_config() and compile_from_config()."
            )
            return
        arguments = dict(config)
        arguments["optimizer"] = optimizers.get(arguments.get("optimizer"))
        arguments["loss"] = _map(losses.deserialize, arguments.get("loss"))
        for name in ("metrics", "weighted_metrics"):
            arguments[name] = _map(metrics.deserialize, arguments.get(name))
        if arguments.get("steps_per_execution") == 1:
            arguments["steps_per_execution"] = "auto"
        self.compile(**arguments)
        if self.built:
            self.optimizer.build(self.trainable_variables)


def _map(make: Any, value: Any) -> Any:
    """The structure with its configs replaced by `make(config)`; names are kept, as their meaning depends on shapes."""
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _map(make, item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map(make, item) for item in value]
    return make(value) if isinstance(value, dict) else value
