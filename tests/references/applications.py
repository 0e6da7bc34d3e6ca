"""Networks of `applications`: layers, weights by the seed, and outputs with normalizations that have seen data."""

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 255, size=(2, 71, 71, 3)).astype("float32")

# module -> (function, edge of the images, arguments)
RUN = {
    "vgg16": ("VGG16", 32, {"include_top": False, "pooling": "max"}),
    "resnet50": ("ResNet50", 33, {"classes": 7}),
    "resnet_v2": ("ResNet50V2", 40, {"include_top": False, "pooling": "avg"}),
    "xception": ("Xception", 71, {"classes": 5, "classifier_activation": None}),
    "mobilenet": ("MobileNet", 32, {"alpha": 0.5, "classes": 6}),
    "mobilenet_v2": ("MobileNetV2", 35, {"alpha": 1.3, "classes": 6}),
    "efficientnet": ("EfficientNetB0", 33, {"classes": 4}),
}


def cases(keras):
    """What each network gives, and what it is made of."""
    numbers = {}
    for name, (function, edge, arguments) in RUN.items():
        keras.utils.set_random_seed(3)
        keras.utils.clear_session(free_memory=False)
        network = getattr(keras.applications, function)(weights=None, input_shape=(edge, edge, 3), **arguments)
        numbers[f"{name}/exact_sums"] = np.array([np.sort(w.reshape(-1))[::37].sum() for w in network.get_weights()])
        settle(network)
        module = getattr(keras.applications, name)
        numbers[f"{name}/output"] = network.predict(module.preprocess_input(X[:, :edge, :edge].copy()), verbose=0)
        numbers[f"{name}/layers"] = np.array([network.name, *(layer.name for layer in network.layers)], "U")
        numbers[f"{name}/weights"] = np.array([f"{w.path} {tuple(w.shape)}" for w in network.weights], "U")
    return numbers | pixels(keras)


def settle(network):
    """Give the normalizations statistics, scales and offsets other than 0 and 1."""
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if "Normalization" in type(layer).__name__ and len(layer.get_weights()) == 4:
            shape = layer.get_weights()[0].shape
            layer.set_weights(
                [rng.uniform(0.5, 1.0, shape), *rng.uniform(-0.3, 0.3, (2, *shape)), rng.uniform(0.5, 2, shape)]
            )


def pixels(keras):
    """Every mode of `preprocess_input`, for each kind of array."""
    numbers = {}
    for mode in ("caffe", "tf", "torch"):
        scale = keras.applications.imagenet_utils.preprocess_input
        numbers[f"pixels/{mode}"] = scale(X[:, :2, :3].copy(), mode=mode)
        numbers[f"pixels/{mode}_bytes"] = scale(X[0, :2, :3].astype("uint8"), mode=mode)
        first = np.moveaxis(X[:, :2, :3], -1, 1).copy()
        numbers[f"pixels/{mode}_first"] = scale(first, data_format="channels_first", mode=mode)
        numbers[f"pixels/{mode}_tensor"] = scale(keras.ops.convert_to_tensor(X[:, :2, :3]), mode=mode)
    return numbers
