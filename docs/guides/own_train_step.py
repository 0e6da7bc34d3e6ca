"""A train_step of your own

Where a loss and metrics are not enough, a model computes its own step. It has the form that Keras documents for
JAX: a pure function of the state, which `fit` compiles into its loop.
"""

import jax
import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
x = np.random.normal(size=(1024, 8)).astype("float32")
y = (x[:, :1] - 2 * x[:, 1:2]).astype("float32")


# %% Only the loss
# If the rest of the step stays, override `compute_loss`. Here it adds a penalty on the outputs.
class Penalized(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + 0.01 * keras.ops.mean(y_pred**2)


model = Penalized([keras.layers.Dense(1)])
model.compile("adam", "mse")
print(f"loss: {model.fit(x, y, epochs=1, verbose=0).history['loss'][0]:.2f}")


# %% The whole step
# The state is (trainable, non-trainable, optimizer, metrics) values. `stateless_call`, `optimizer.stateless_apply`
# and `metric.stateless_update_state` are the pure forms of what the objects do. This one adds noise to the gradient.
class Noisy(keras.Sequential):
    def loss_of(self, trainable, non_trainable, x, y):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
        return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

    def train_step(self, state, data):
        trainable, non_trainable, optimizer, metrics = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        gradient_of = jax.value_and_grad(self.loss_of, has_aux=True)
        (loss, (_, non_trainable)), gradients = gradient_of(trainable, non_trainable, x, y)
        key = jax.random.key(optimizer[0])
        gradients = [
            g + 0.001 * jax.random.normal(jax.random.fold_in(key, i), g.shape) for i, g in enumerate(gradients)
        ]
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, non_trainable, optimizer, metrics)


model = Noisy([keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.05), "mse")
history = model.fit(x, y, epochs=20, verbose=0).history
print(f"first loss {history['loss'][0]:.2f}, last loss {history['loss'][-1]:.2f}")
