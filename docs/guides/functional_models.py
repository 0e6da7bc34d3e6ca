"""Functional models

Layers called on an `Input` build a graph. A `Model` is a part of the graph, from some tensors to others. It may
branch, merge, share layers, and be a layer of another model.
"""

import numpy as np

import minidl as keras
from minidl import layers, ops

keras.utils.set_random_seed(1)

# %% Branches that are merged
# A residual block: its output is added to its input.
inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
block = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
block = layers.Conv2D(8, 3, padding="same")(block)
x = layers.ReLU()(layers.Add()([x, block]))
x = layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="residual")
model.summary(line_length=88)

# %% Functions of arrays in the graph
# Operators, and functions of `minidl.ops`, take symbolic tensors too. Each becomes a node of the graph.
a, b = keras.Input((4,)), keras.Input((4,))
distance = keras.Model([a, b], ops.sqrt(ops.sum((a - b) ** 2, axis=-1)))
print(distance.predict([np.zeros((2, 4)), np.ones((2, 4))], verbose=0))

# %% Shared layers
# A layer that is called twice has one set of weights.
encoder = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(4)], name="encoder")
left, right = keras.Input((10,)), keras.Input((10,))
twins = keras.Model([left, right], layers.Dot(axes=1, normalize=True)([encoder(left), encoder(right)]))
print("weights of the twins:", len(twins.trainable_weights), "those of the encoder:", len(encoder.trainable_weights))

# %% The tensors between
# Any tensor of a graph can be an output of another model, which shares the layers.
features = keras.Model(model.input, model.layers[-2].output)
print("features:", features(np.ones((2, 8, 8, 1), "float32")).shape)
