"""Layers: outputs, gradients, losses, first weights, variables' paths, automatic names and configs."""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np

from tests.references._layers import as_plain, without

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6)).astype("float32")
CUBE = RNG.normal(size=(2, 3, 6)).astype("float32")
IMAGES = RNG.integers(0, 256, (2, 4, 5, 3)).astype("uint8")
WIDE = RNG.normal(size=(5, 20)).astype("float32")
PER_CHANNEL = {"scale": [0.5, 2.0, 1 / 255], "offset": [0.0, -1.0, 0.25]}

# name -> (layer(keras), input)
LAYERS = {
    "dense": (lambda keras: keras.layers.Dense(4), X),
    "dense_relu": (lambda keras: keras.layers.Dense(4, activation="relu"), X),
    "dense_softmax": (lambda keras: keras.layers.Dense(4, activation="softmax"), X),
    "dense_no_bias": (lambda keras: keras.layers.Dense(4, use_bias=False), X),
    "dense_cube": (lambda keras: keras.layers.Dense(4, activation="gelu"), CUBE),
    "dense_narrow": (lambda keras: keras.layers.Dense(4, bias_initializer="ones"), WIDE),
    "dense_int": (lambda keras: keras.layers.Dense(4), np.arange(6).reshape(2, 3)),
    "dense_float64": (lambda keras: keras.layers.Dense(4), X.astype("float64")),
    "dense_initializers": (
        lambda keras: keras.layers.Dense(
            4, kernel_initializer=keras.initializers.RandomNormal(stddev=0.5, seed=3), bias_initializer="random_uniform"
        ),
        X,
    ),
    "dense_regularized": (
        lambda keras: keras.layers.Dense(
            4,
            kernel_regularizer="l2",
            bias_regularizer=keras.regularizers.L1(0.5),  # a factor that float32, in which Keras keeps it, holds
            bias_initializer="ones",
            activity_regularizer="l2",
        ),
        X,
    ),
    "dense_constrained": (
        lambda keras: keras.layers.Dense(
            4, kernel_constraint="non_neg", bias_constraint=keras.constraints.MaxNorm(0.5)
        ),
        X,
    ),
    "dense_frozen": (lambda keras: keras.layers.Dense(4, trainable=False, kernel_regularizer="l2", name="still"), X),
    "dense_mixed": (lambda keras: keras.layers.Dense(4, dtype="mixed_bfloat16"), X),
    "activation": (lambda keras: keras.layers.Activation("sigmoid"), X),
    "activation_function": (lambda keras: keras.layers.Activation(keras.activations.selu), X),
    "activation_regularized": (lambda keras: keras.layers.Activation("relu", activity_regularizer="l2"), X),
    "relu": (lambda keras: keras.layers.ReLU(), X),
    "relu_arguments": (lambda keras: keras.layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2), X),
    "leaky_relu": (lambda keras: keras.layers.LeakyReLU(0.1), X),
    "prelu": (lambda keras: keras.layers.PReLU(keras.initializers.RandomUniform(0.1, 0.5, seed=1)), CUBE),
    "prelu_shared": (lambda keras: keras.layers.PReLU("ones", alpha_regularizer="l2", shared_axes=[1]), CUBE),
    "elu": (lambda keras: keras.layers.ELU(0.5), X),
    "softmax": (lambda keras: keras.layers.Softmax(), X),
    "softmax_axis": (lambda keras: keras.layers.Softmax(axis=1), CUBE),
    "softmax_axes": (lambda keras: keras.layers.Softmax(axis=(1, 2)), CUBE),
    "identity": (lambda keras: keras.layers.Identity(), X),
    "flatten": (lambda keras: keras.layers.Flatten(), CUBE),
    "flatten_channels_first": (lambda keras: keras.layers.Flatten("channels_first"), CUBE),
    "flatten_vector": (lambda keras: keras.layers.Flatten(), X[0]),
    "rescaling": (lambda keras: keras.layers.Rescaling(1 / 255), IMAGES),
    "rescaling_offset": (lambda keras: keras.layers.Rescaling(2.0, offset=-1), X),
    "rescaling_per_channel": (lambda keras: keras.layers.Rescaling(**PER_CHANNEL), IMAGES),
    "rescaling_bfloat16": (lambda keras: keras.layers.Rescaling(1 / 255, dtype="bfloat16"), IMAGES),
    "dropout": (lambda keras: keras.layers.Dropout(0.4), X),
    "dropout_noise_shape": (lambda keras: keras.layers.Dropout(0.5, noise_shape=(None, 1, None), seed=7), CUBE),
    "dropout_0": (lambda keras: keras.layers.Dropout(0.0), X),
    "dropout_1": (lambda keras: keras.layers.Dropout(1, seed=7), X),
    "sequential": (
        lambda keras: keras.Sequential(
            [keras.layers.Dropout(0.4, seed=1), keras.layers.Dense(4, "relu"), keras.layers.Dense(4)]
        ),
        X,
    ),
    "sequential_images": (
        lambda keras: keras.Sequential(
            [
                keras.Input((4, 5, 3), dtype="uint8"),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Flatten(),
                keras.layers.Dense(5, activation="tanh", kernel_regularizer="l2", activity_regularizer="l2"),
                keras.layers.Dense(3),
                keras.layers.Activation("softmax"),
            ],
            name="classifier",
        ),
        IMAGES,
    ),
    "sequential_nested": (
        lambda keras: keras.Sequential(
            [
                keras.Input((6,)),
                keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(4)], name="inner"),
                keras.layers.Dense(2, name="head"),
            ]
        ),
        X,
    ),
    "sequential_input_shape": (
        lambda keras: keras.Sequential([keras.layers.Dense(4, input_shape=(6,)), keras.layers.Dense(2)]),
        X,
    ),
    "sequential_input_dim": (lambda keras: keras.Sequential([keras.layers.Dense(4, input_dim=6)]), X),
}


def cases(keras):
    """Everything for each layer, then what several layers do together."""
    keras.utils.set_random_seed(5)
    numbers = {}
    for name, (make, x) in LAYERS.items():
        keras.utils.clear_session(free_memory=False)
        numbers |= {f"{kind(name, key)}{name}/{key}": value for key, value in one_layer(name, make(keras), x).items()}
    return numbers | names(keras) | trained(keras)


def kind(name, key):
    """First weights and what dropout leaves are compared bit for bit."""
    exact = key.startswith("weight") or (name.startswith("dropout") and not key.startswith("gradient"))
    return "exact_" if exact else ""


def one_layer(name, layer, x):
    """The numbers of one layer on one input."""
    if not layer.built:
        layer.build(x.shape)
    numbers = {f"weight{i}": as_plain(weight) for i, weight in enumerate(layer.get_weights())}
    if not name.startswith("sequential"):
        numbers["output"] = as_plain(layer(x))
        numbers |= {f"loss{i}": as_plain(loss) for i, loss in enumerate(layer.losses)}
    if name.startswith("dropout"):
        numbers["training"] = as_plain(layer(x, training=True))
        numbers |= {f"state{i}": variable.numpy() for i, variable in enumerate(layer.non_trainable_variables)}
    for group in ("variables", "trainable_variables", "non_trainable_variables", "weights"):
        numbers[f"paths/{group}"] = np.array([variable.path for variable in getattr(layer, group)], "U")
    numbers["names"] = np.array([variable.name for variable in layer.variables], "U")
    numbers["dtypes"] = np.array([str(variable.dtype) for variable in layer.variables], "U")
    numbers["params"] = layer.count_params()
    numbers["output_shape"] = np.array(layer.compute_output_shape((None, *x.shape[1:]))[1:], int)
    numbers["config"] = np.array(json.dumps(without(layer.get_config()), sort_keys=True))
    if name.startswith("dropout") or "bfloat16" in layer.compute_dtype:
        return numbers  # in bfloat16 a compiled program rounds where its compiler likes
    return numbers | gradients(name, layer, x)


def gradients(name, layer, x):
    """The gradient of the sum of squares of the outputs, and what stateless_call gives besides, in one program."""
    trainable = [variable.value for variable in layer.trainable_variables]
    rest = [variable.value for variable in layer.non_trainable_variables]
    arguments = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}

    def total(trainable, x):
        outputs, new_rest, losses = layer.stateless_call(trainable, rest, x, return_losses=True, **arguments)
        return jnp.sum(jnp.square(outputs)), (outputs, new_rest, losses)

    wrt = (0, 1) if x.dtype.kind == "f" else 0
    found, (outputs, new_rest, losses) = jax.jit(jax.grad(total, wrt, has_aux=True))(trainable, x)
    numbers = {f"gradient{i}": value for i, value in enumerate(jax.tree.leaves(found))}
    if name.startswith("sequential"):  # Keras leaves out the activity regularizer of the layer itself
        numbers |= {f"stateless/loss{i}": value for i, value in enumerate(losses)}
    return numbers | {"stateless/output": outputs} | {f"stateless/state{i}": v for i, v in enumerate(new_rest)}


def names(keras):
    """Automatic names, counted for each class from the last clear_session on."""
    keras.utils.clear_session(free_memory=False)
    layers = keras.layers
    made = [layers.Dense(1), layers.Dense(2), layers.Dropout(0.5), layers.Dense(3, name="mine"), layers.Dense(4)]
    made += [
        layers.Flatten(),
        layers.Activation("relu"),
        layers.Rescaling(2.0),
        layers.Dropout(0.1),
        keras.Sequential(),
    ]
    made += [keras.Sequential([keras.Input((3,)), layers.Dense(2)]), layers.InputLayer((3,)), layers.InputLayer((3,))]
    made += [layers.Flatten(), keras.random.SeedGenerator(), keras.Sequential([layers.Dense(1, input_shape=(2,))])]
    found = [layer.name for layer in made]
    found += [layer.name for model in made if isinstance(model, keras.Sequential) for layer in model.layers]
    keras.utils.clear_session(free_memory=False)
    return {"names/automatic": np.array(found), "names/after": np.array([layers.Dense(1).name, layers.Dense(1).name])}


def trained(keras):
    """Constraints, regularizers and freezing through two train steps."""
    keras.utils.set_random_seed(9)
    dense = keras.layers.Dense
    model = keras.Sequential(
        [
            keras.Input((6,)),
            dense(4, activation="tanh", kernel_constraint="non_neg", bias_constraint="non_neg"),
            dense(4, kernel_constraint=keras.constraints.MaxNorm(0.3), bias_constraint="unit_norm"),
            dense(4, "relu", kernel_regularizer="l1", bias_regularizer="l2", activity_regularizer="l2"),
            dense(3, trainable=False, kernel_regularizer="l2"),
            dense(2),
        ]
    )
    model.compile(optimizer="sgd", loss="mse")
    losses = [model.train_on_batch(X, X[:, :2]) for _ in range(2)]
    weights = {f"trained/weight{i}": weight for i, weight in enumerate(model.get_weights())}
    return {"trained/losses": np.array(losses, "float32"), **weights}
