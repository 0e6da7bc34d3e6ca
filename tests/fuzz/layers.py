"""Cases of layers: output, losses, weights, and the output of a layer made from its config with the same weights."""

# ruff: noqa: E501, tables
from tests.fuzz.values import build, call

DIMS = {1: [5], 2: [5, 4], 3: [4, 3, 5]}


def _image(d, rank, channels=None):
    """Input of an image layer and its data format."""
    channels = channels or d.choice([1, 2, 4])
    last = d.chance(0.75)
    return ([2, *DIMS[rank], channels] if last else [2, channels, *DIMS[rank]]), {} if last else {
        "data_format": "channels_first"
    }


def _convolution(d):
    rank = d.choice([1, 2, 2, 3])
    shape, form = _image(d, rank, 2)
    kind = d.choice(["Conv", "Conv", "Conv#Transpose", "SeparableConv", "DepthwiseConv"])
    rank_name = kind.replace("#", f"{rank}D") if "#" in kind else f"{kind}{rank}D"
    if kind in ("SeparableConv", "DepthwiseConv") and rank == 3:
        return call("layers.Conv3D", 2, 2), [2, *DIMS[3], 2], {}
    first = [] if kind == "DepthwiseConv" else [d.choice([2, 4])]
    options = d.options(padding=["same", "valid"], use_bias=[False], activation=["relu", "tanh"])
    options |= (
        d.choice([{}, {"strides": 2}, {"dilation_rate": 2}]) if kind != "Conv#Transpose" else d.options(strides=[2])
    )
    if kind == "Conv":
        options |= d.options(groups=[2], kernel_regularizer=["l2"], bias_initializer=["ones"])
    if rank == 1 and kind == "Conv" and not form and d.chance(0.2):
        options["padding"] = "causal"
    if kind in ("SeparableConv", "DepthwiseConv"):
        options |= d.options(depth_multiplier=[2])
    return call(f"layers.{rank_name}", *first, d.choice([1, 2, 3]), **options, **form), shape, {}


def _pooling(d):
    rank = d.choice([1, 2, 2, 3])
    shape, form = _image(d, rank)
    if d.chance(0.3):
        kind = d.choice(["GlobalAveragePooling", "GlobalMaxPooling"])
        return call(f"layers.{kind}{rank}D", **form, **d.options(keepdims=[True])), shape, {}
    if d.chance(0.2):
        kind = d.choice(["AdaptiveAveragePooling", "AdaptiveMaxPooling"])
        return call(f"layers.{kind}{rank}D", d.choice([1, 2, 3]), **form), shape, {}
    options = {"pool_size": d.choice([2, 3])} | d.options(strides=[1, 2], padding=["same", "valid"])
    return call(f"layers.{d.choice(['Max', 'Average'])}Pooling{rank}D", **options, **form), shape, {}


def _shapes(d):
    rank = d.choice([1, 2, 2, 3])
    shape, form = _image(d, rank)
    form = form if rank > 1 else {}
    shape = [2, *DIMS[1], 3] if rank == 1 else shape
    return d.choice([
        (call(f"layers.ZeroPadding{rank}D", d.choice([1, 2]), **form), shape, {}),
        (call(f"layers.Cropping{rank}D", 1, **form), shape, {}),
        (call(f"layers.UpSampling{rank}D", d.choice([1, 2]), **form), shape, {}),
        (call("layers.UpSampling2D", 2, interpolation=d.choice(["bilinear", "bicubic", "nearest"])), [2, 3, 4, 2], {}),
        (call("layers.Flatten", **form), shape, {}),
        (call("layers.Reshape", {"tuple": d.choice([[-1], [-1, 2], [4, 3]])}), [2, 3, 4], {}),
        (call("layers.Permute", {"tuple": d.choice([[2, 1], [1, 2]])}), [2, 3, 4], {}),
        (call("layers.RepeatVector", d.choice([1, 3])), [2, 3], {}),
        (call("layers.Rescaling", 0.5, **d.options(offset=[1.0])), shape, {}),
        (call("layers.Resizing", 3, 6, **d.options(interpolation=["nearest", "bicubic"])), [2, 5, 4, 3], {}),
        (call("layers.CenterCrop", 3, 2), [2, 5, 4, 3], {}),
    ])  # fmt: skip


def _dense(d):
    shape = [d.choice([1, 2, 3]) for _ in range(d.randint(1, 3))] + [d.choice([1, 3, 4])]
    activation = ["relu", "softmax", "gelu", "selu", "elu", "silu", "mish", "softplus", "linear", "leaky_relu"]
    parts = d.options(
        activation=activation, use_bias=[False], kernel_initializer=["he_normal", "ones"], kernel_regularizer=["l1", "l2"],
        bias_initializer=["normal"], activity_regularizer=["l2"], kernel_constraint=["non_neg"],
    )  # fmt: skip
    if d.chance(0.6):
        return call("layers.Dense", d.choice([1, 2, 5]), **parts), shape, {}
    alone = d.choice([
        call("layers.Activation", d.choice(activation)), call("layers.PReLU", **d.options(alpha_initializer=["ones"])),
        call("layers.ReLU", **d.options(max_value=[1.0], negative_slope=[0.1], threshold=[0.5])),
        call("layers.LeakyReLU", **d.options(negative_slope=[0.2])), call("layers.ELU", **d.options(alpha=[0.5])),
        call("layers.Softmax", **d.options(axis=[-1, 1])), call("layers.UnitNormalization"),
        call("layers.ActivityRegularization", l1=0.1, l2=0.2), call("layers.Identity"),
        call("layers.Dropout", 0.4, **d.options(seed=[3])), call("layers.GaussianNoise", 0.3, seed=1),
        call("layers.GaussianDropout", 0.3, seed=1), call("layers.AlphaDropout", 0.3, seed=1),
    ])  # fmt: skip
    return alone, shape, {}


def _normalization(d):
    shape, _ = _image(d, d.choice([1, 2]), 4)
    axis = d.choice([{}, {"axis": 1}, {"axis": -1}])
    options = d.options(epsilon=[1e-2], center=[False], scale=[False])
    return d.choice([
        (call("layers.BatchNormalization", **axis, **options, **d.options(momentum=[0.5])), shape, {}),
        (call("layers.LayerNormalization", **axis, **options), shape, {}),
        (call("layers.GroupNormalization", d.choice([1, 2, 4, -1]), **options), [2, 5, 4], {}),
        (call("layers.RMSNormalization", **axis), shape, {}),
        (call("layers.SpectralNormalization", call("layers.Dense", 3)), [2, 4], {}),
    ])  # fmt: skip


def _recurrent(d):
    kind = d.choice(["SimpleRNN", "GRU", "LSTM"])
    options = d.options(
        return_sequences=[True], return_state=[True], go_backwards=[True], use_bias=[False], unroll=[True],
        activation=["relu"], dropout=[0.3], recurrent_dropout=[0.2], zero_output_for_mask=[True],
    )  # fmt: skip
    options |= d.options(reset_after=[False]) if kind == "GRU" else {}
    layer = call(f"layers.{kind}", d.choice([1, 3]), **options)
    if d.chance(0.2):
        layer["kwargs"].pop("return_state", None)
        layer = call("layers.Bidirectional", layer, **d.options(merge_mode=["sum", "ave", "mul", None]))
    mask = {"mask": d.array([2, 4], "bool", "unit", 0)} if d.chance(0.4) else {}
    return layer, [2, 4, d.choice([1, 3])], mask


def _attention(d):
    shape = [2, 3, 4]
    more = {"use_causal_mask": True} if d.chance(0.3) else {}
    several = [d.array(shape, "float32", "normal", 0) for _ in range(d.choice([2, 3]))]
    return d.choice([
        (call("layers.Attention", **d.options(use_scale=[True], score_mode=["concat"])), several, more),
        (call("layers.AdditiveAttention", **d.options(use_scale=[False])), several, more),
        (call("layers.MultiHeadAttention", 2, 3, **d.options(value_dim=[2], use_bias=[False], dropout=[0.2])), several, more),
        (call("layers.GroupQueryAttention", 2, 4, 2), several, more),
    ])  # fmt: skip


def _merging(d):
    several = [d.array([2, 3, 4], "float32", "normal", 0) for _ in range(d.choice([2, 2, 3]))]
    name = d.choice(["Add", "Average", "Multiply", "Maximum", "Minimum", "Subtract", "Concatenate", "Dot"])
    several = several[:2] if name in ("Subtract", "Dot") else several
    options = {
        "Concatenate": d.options(axis=[1, -1, 2]),
        "Dot": {"axes": d.choice([1, 2]), **d.options(normalize=[True])},
    }
    return call(f"layers.{name}", **options.get(name, {})), several, {}


def _others(d):
    ids = [d.array([2, 3], "int32", "labels", 0, high=4)]
    return d.choice([
        (call("layers.Embedding", 4, 3, **d.options(mask_zero=[True], embeddings_regularizer=["l2"])), ids, {}),
        (call("layers.EinsumDense", "abc,cd->abd", {"tuple": [None, 5]}, **d.options(bias_axes=["d"])), [2, 3, 4], {}),
        (call("layers.TimeDistributed", call("layers.Dense", 2)), [2, 3, 4], {}),
        (call("layers.Masking", 0.0), [2, 3, 4], {}),
        (call("layers.CategoryEncoding", 4, output_mode=d.choice(["one_hot", "multi_hot", "count"])), ids, {}),
        (call("layers.Discretization", [0.0, 1.0], **d.options(output_mode=["one_hot"])), [2, 3], {}),
        (call("layers.Normalization", mean=1.0, variance=2.0, **d.options(invert=[True])), [2, 3], {}),
        (call("layers.ConvLSTM1D", 2, 2, **d.options(return_sequences=[True])), [2, 3, 4, 1], {}),
        (call(f"layers.SpatialDropout{d.choice([1])}D", 0.5, seed=2), [2, 3, 4], {}),
    ])  # fmt: skip


SHARES = {
    _convolution: 14, _pooling: 10, _shapes: 10, _dense: 16, _normalization: 8, _recurrent: 12, _attention: 6, _merging: 6,
    _others: 9,
}  # fmt: skip


def draw(d):
    layer, given, more = d.rng.choices(list(SHARES), list(SHARES.values()))[0](d)
    dtype = d.choice(["float16", "bfloat16", "float64", "int32"]) if d.chance(0.08) else "float32"
    if isinstance(given[0], int):
        given = [d.array(given, dtype, "normal", 0)]
    if d.chance(0.1) and layer["call"] not in ("layers.SpectralNormalization", "layers.Bidirectional"):
        policy = d.choice(["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
        layer["kwargs"] = {**layer["kwargs"], "dtype": policy}
    training = {"training": d.choice([True, False])} if d.chance(0.4) else {}
    alone = len(given) == 1 or layer["call"][7:] in ("MultiHeadAttention", "GroupQueryAttention")
    inputs = given if alone else [given]
    return {"layer": layer, "inputs": inputs, "more": more | training, "seed": d.randint(0, 99), "tolerance": 10.0}


def run(library, case):
    layer = build(library, case["layer"])
    inputs, more = build(library, case["inputs"]), build(library, case["more"])
    if "mask" in more:
        more["mask"] = library.ops.convert_to_tensor(more["mask"])
    if case["layer"]["call"] in ("layers.GaussianNoise",):
        more.pop("training", None)
    outputs = layer(*inputs, **more)
    losses = layer.losses
    again = type(layer).from_config(layer.get_config())
    again(*inputs, **more)
    again.set_weights(layer.get_weights())
    shapes = [tuple(weight.shape) for weight in layer.weights]
    names = [weight.path.split("/")[-1] for weight in layer.weights]
    kinds = [str(weight.dtype) for weight in layer.weights]
    return {
        "outputs": outputs, "losses": losses, "weights": layer.get_weights(), "shapes": shapes, "names": names,
        "dtypes": kinds, "again": again(*inputs, **{**more, "training": False}),
    }  # fmt: skip
