"""Checkpoints of orbax: folders into which each process writes its shards, with the variables of a model by number."""

from __future__ import annotations

import os
from typing import Any

import jax

from minidl.core.optional import needed
from minidl.core.variables import Variable
from minidl.saving.errors import LoadError

_MODEL, _OPTIMIZER = "model", "optimizer"


def orbax(user: str) -> Any:
    """The package; ImportError says how to install it."""
    return needed("orbax.checkpoint", user, "minidl[orbax]")


def state_of(model: Any, save_weights_only: bool = False) -> dict[str, dict[str, jax.Array]]:
    """The arrays of a model, and of its optimizer, as orbax saves them: by the numbers of the variables."""
    return {
        part: {str(number): variable._held for number, variable in enumerate(variables)}
        for part, variables in _variables(model, save_weights_only).items()
    }


def load_orbax_checkpoint(model: Any, directory: str | os.PathLike[str], step: int | None = None) -> int:
    """Load a checkpoint that `callbacks.OrbaxCheckpoint` saved.

    Each device reads its part alone, whatever devices the checkpoint was saved on.

    Args:
        model: a built model of the same structure; its optimizer's state is loaded too if the checkpoint has it.
        directory: the folder of the checkpoints.
        step: which of them; default: the newest.

    Returns:
        The step.

    Raises:
        LoadError: there is no such checkpoint, or its arrays have other shapes or dtypes than the variables.
        ImportError: orbax is not installed.
    """
    ocp = orbax("load_orbax_checkpoint")
    if not os.path.isdir(directory):
        raise LoadError(f"There is no folder {str(directory)!r} of checkpoints.")
    with ocp.CheckpointManager(os.path.abspath(directory)) as manager:
        steps: list[int] = list(manager.all_steps())
        if step is None and steps:
            step = max(steps)
        if step is None or step not in steps:
            raise LoadError(f"{str(directory)!r} has no checkpoint of step {step}. It has {sorted(steps)}.")
        metadata = ocp.StandardCheckpointer().metadata(manager.directory / str(step) / "default").item_metadata
        kept = {part: dict(arrays) for part, arrays in dict(metadata).items()}
        if model.optimizer is not None and _OPTIMIZER in kept:
            model.optimizer.build(model.trainable_variables)
        variables = _variables(model, _OPTIMIZER not in kept)
        _check(variables, kept, f"{str(directory)!r}, step {step}")
        wanted = {
            part: {str(number): _spec(variable) for number, variable in enumerate(some)}
            for part, some in variables.items()
        }
        found = manager.restore(step, args=ocp.args.StandardRestore(wanted))
    for part, some in variables.items():
        for number, variable in enumerate(some):
            variable.assign(found[part][str(number)])
    return step


def _variables(model: Any, save_weights_only: bool) -> dict[str, list[Variable]]:
    parts = {_MODEL: list(model.variables)}
    if not save_weights_only and model.optimizer is not None:
        parts[_OPTIMIZER] = list(model.optimizer.variables)
    return parts


def _spec(variable: Variable) -> jax.ShapeDtypeStruct:
    array = variable._slot
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding)


def _check(variables: dict[str, list[Variable]], kept: dict[str, dict[str, Any]], where: str) -> None:
    """Compare before anything is changed."""
    for part, some in variables.items():
        if len(some) != len(kept.get(part, {})):
            raise LoadError(f"{where}: the {part} has {len(some)} variables, the checkpoint {len(kept.get(part, {}))}.")
        for number, variable in enumerate(some):
            theirs = kept[part][str(number)]
            ours = variable.shape, str(variable._slot.dtype)
            if ours != (tuple(theirs.shape), str(theirs.dtype)):
                raise LoadError(
                    f"{where}: variable {variable.path!r} is {ours[1]}{list(ours[0])}, in the checkpoint "
                    f"{theirs.dtype}{list(theirs.shape)}. Make the model as it was."
                )
