"""Models that Keras saved, and how they were made: each layer of the reference tables, and each optimizer.

`programs()` gives what makes each model with either library. `python -m tests.saved` saves them all with the real
Keras; the tests open those files with minidl, and where Keras is installed, files of each library with the other.
"""

import importlib
import pathlib

import jax
import numpy as np

from tests.references import AREAS
from tests.references.optimizers import PLAIN

FOLDER = pathlib.Path(__file__).parent
X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 24)
# One of each kind, and the options that keep variables of their own.
OPTIMIZERS = {
    **{name: PLAIN[name] for name in ("sgd", "momentum", "rmsprop_both", "adam", "amsgrad", "adamw", "adamax")},
    **{name: PLAIN[name] for name in ("nadam", "adagrad", "adadelta", "adafactor", "ftrl", "lion", "lamb", "muon")},
    "accumulating": ("Adam", {"gradient_accumulation_steps": 2}),
    "schedule_free": ("ScheduleFreeAdamW", {"learning_rate": 0.01}),
    "scaled": ("LossScaleOptimizer", {"initial_scale": 8.0, "dynamic_growth_steps": 2}),
}


def programs():
    """Name -> make(keras) -> (model, inputs, custom objects)."""
    made = {}
    for area in AREAS:
        if area.startswith("layers_") and area != "layers_augmentation":  # Keras builds no functional model of some
            module = importlib.import_module(f"tests.references.{area}")
            family, custom = area.removeprefix("layers_"), getattr(module, "CUSTOM", {})
            for name, (make, inputs, *rest) in module.LAYERS.items():
                if not rest and (area, name) != ("layers_preprocessing", "pipeline"):
                    made[f"{family}-{name}"] = _around(make, inputs, custom)
    for name, (kind, options) in OPTIMIZERS.items():
        made[f"optimizer-{name}"] = _trained(kind, options)
    return made


def _around(make, inputs, custom):
    """A model of one layer."""

    def program(keras):
        keras.utils.set_random_seed(7)
        keras.utils.clear_session(free_memory=False)
        args = inputs if isinstance(inputs, tuple) else (inputs,)
        leaves, structure = jax.tree.flatten(args)
        tensors = [
            keras.Input(batch_shape=leaf.shape, dtype=str(leaf.dtype), name=f"input_{i}")
            for i, leaf in enumerate(leaves)
        ]
        outputs = make(keras)(*jax.tree.unflatten(structure, tensors))
        model = keras.Model(tensors, outputs)
        if model.trainable_weights:  # rather than the zeros and ones of first weights
            draw = np.random.default_rng(3)
            model.set_weights([draw.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
        return model, leaves, {name: kind(keras) for name, kind in custom.items()}

    return program


def _trained(kind, options):
    """A small model, compiled and trained a few steps."""

    def program(keras):
        keras.utils.set_random_seed(7)
        keras.utils.clear_session(free_memory=False)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(3)])
        given = (keras.optimizers.SGD(0.1, momentum=0.5),) if kind == "LossScaleOptimizer" else ()
        optimizer = getattr(keras.optimizers, kind)(*given, **options)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)])
        go_on(model)
        return model, X, {}

    return program


def go_on(model):
    """Train some steps; what is left of the gradients, the optimizer's state and the weights."""
    model.fit(X, Y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    return [np.asarray(value) for value in (*model.get_weights(), *(v.value for v in model.optimizer.variables))]


def outputs_of(model, leaves):
    """What the model gives for its inputs."""
    return [np.asarray(leaf, "float32") for leaf in jax.tree.leaves(model(leaves, training=False))]
