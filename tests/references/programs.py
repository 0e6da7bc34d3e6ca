"""Whole programs of every kind of model: losses, metrics, predictions and final weights with the same seed."""

import jax.numpy as jnp
import numpy as np

from minidl.datasets import digits as data

RNG = np.random.default_rng(0)
FEW = 96


def cases(keras):
    """Each program's numbers."""
    numbers = {}
    for program in (convnet, two_inputs_two_outputs, masked_lstm, transformer, own_train_step):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(3)
        numbers |= {f"{program.__name__}/{name}": value for name, value in program(keras).items()}
    return numbers


def digits():
    """The first images, (rows, 8, 8, 1) from 0 to 1, and their labels."""
    (x, y), _ = data.load_data()
    return (x[:FEW].reshape(FEW, 8, 8, 1) / 16).astype("float32"), y[:FEW].astype("int32")


def trained(model, x, y, **fit):
    """What training, evaluating and predicting give."""
    history = model.fit(x, y, verbose=0, **fit).history
    numbers = {f"fit/{name}": np.array(values) for name, values in history.items()}
    found = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    numbers |= {f"evaluate/{name}": value for name, value in found.items()}
    predicted = model.predict(x, verbose=0)
    for i, part in enumerate(predicted if isinstance(predicted, list) else [predicted]):
        numbers[f"predict/{i}"] = part
    return numbers | weights(model)


def weights(model):
    """The weights, without what is rounding and nothing else, such as a bias that no output depends on."""
    found = [np.where(abs(weight) < 1e-6, 0, weight) for weight in model.get_weights()]
    return {f"weights/{i}": weight for i, weight in enumerate(found)}


def convnet(keras):
    """Convolutions with batch normalization and dropout, on the digits."""
    layers = keras.layers
    x, y = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained(model, x, y, epochs=2, batch_size=32, validation_split=0.25)


def two_inputs_two_outputs(keras):
    """Two inputs and two outputs, with a shared layer and a residual connection."""
    layers = keras.layers
    a, b = keras.Input((5,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(5, activation="tanh")
    x = layers.Concatenate()([shared(a), layers.Dense(5)(b)])
    x = layers.Add()([x, layers.Dense(10, activation="relu")(x)])
    value = layers.Dense(1, name="value")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(layers.Multiply()([shared(a), shared(a) + 1.0]))
    model = keras.Model([a, b], [value, kind])
    model.compile(
        keras.optimizers.Adam(0.01),
        {"value": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"value": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy"]},
    )
    first, second = (RNG_NUMBERS[:, :5], RNG_NUMBERS[:, 5:8])
    targets = {"value": first.sum(1, keepdims=True), "kind": (second[:, 0] > 0).astype("int32")}
    return trained(model, {"a": first, "b": second}, targets, epochs=3, batch_size=16)


def masked_lstm(keras):
    """Padded tokens through an embedding with a mask and an LSTM."""
    layers = keras.layers
    lengths = 1 + np.arange(FEW) % 6
    tokens = np.where(np.arange(6) < lengths[:, None], 1 + (np.arange(FEW)[:, None] * 7 + np.arange(6) * 3) % 9, 0)
    model = keras.Sequential(
        [
            layers.Embedding(10, 4, mask_zero=True),
            layers.LSTM(5, return_sequences=True),
            layers.Bidirectional(layers.GRU(3)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(0.01), "binary_crossentropy", metrics=["accuracy"])
    return trained(model, tokens.astype("int32"), lengths % 2, epochs=2, batch_size=32)


def transformer(keras):
    """A small Transformer encoder that classifies the rows of digits as sequences."""
    layers = keras.layers
    x, y = digits()
    inputs = keras.Input((8, 8))
    tokens = layers.Dense(8)(inputs)
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(tokens, tokens)
    hidden = layers.LayerNormalization()(tokens + attended)
    inner = layers.Dense(8)(layers.Dense(16, activation="relu")(hidden))
    hidden = layers.LayerNormalization()(hidden + layers.Dropout(0.1)(inner))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(hidden)))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained(model, x[..., 0], y, epochs=2, batch_size=32)


def own_train_step(keras):
    """A subclassed model with layers in a list, and a train step of its own."""
    import jax

    layers = keras.layers

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = [layers.Dense(6, activation="tanh"), layers.Dense(6, activation="tanh")]
            self.head = layers.Dense(1)

        def call(self, x, training=None):
            for layer in self.hidden:
                x = layer(x)
            return self.head(x)

        def loss_of(self, trainable, others, x, y):
            predicted, others = self.stateless_call(trainable, others, x, training=True)
            return jnp.mean(jnp.square(predicted[:, 0] - y)), others

        def train_step(self, state, data):
            trainable, others, optimizer, metrics = state
            x, y = data
            gradient = jax.value_and_grad(self.loss_of, has_aux=True)
            (loss, others), gradients = gradient(trainable, others, x, y)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            return {"loss": loss}, (trainable, others, optimizer, metrics)

    model = Own()
    model.compile(keras.optimizers.SGD(0.05))
    x = RNG_NUMBERS[:, :5]
    history = model.fit(x, x.sum(1), epochs=3, batch_size=16, verbose=0).history
    return {"loss": np.array(history["loss"]), "predict": model.predict(x, verbose=0), **weights(model)}


RNG_NUMBERS = RNG.normal(size=(FEW, 8)).astype("float32")
