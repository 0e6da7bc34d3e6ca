"""Cases of `ops`, `activations` and `random`: one eager call each, sizes, dtypes and axes drawn widely."""

# ruff: noqa: E501, tables

from tests.fuzz.values import DTYPES, FLOATS, INTEGERS, SIZES, build, call

ELEMENTWISE = """abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt ceil conj
conjugate copy cos cosh deg2rad exp exp2 expm1 fabs floor i0 imag isfinite isinf isnan isneginf isposinf isreal log log10
log1p log2 logical_not negative rad2deg real reciprocal sign signbit sin sinc sinh sqrt square tan tanh trunc erf erfc erfinv
rsqrt ravel ones_like zeros_like round nan_to_num stop_gradient shape size ndim transpose""".split()
ACTIVATIONS = """relu relu6 elu celu selu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid
log_softmax sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink
threshold""".split()
BINARY = """add arctan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor divide divide_no_nan equal
floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot isclose lcm ldexp left_shift less less_equal
logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply nextafter not_equal power right_shift
subtract true_divide allclose isin""".split()
REDUCTIONS = """all any amax amin max min mean prod std sum var median nanmax nanmin nanmean nanmedian nanprod nanstd nansum
nanvar logsumexp count_nonzero ptp""".split()
ONE_AXIS = "argmax argmin argsort cumprod cumsum diff nancumprod nancumsum sort nanargmax nanargmin trapezoid".split()
SQUARE = "cholesky det inv logdet slogdet eigh qr svd pinv matrix_rank lu_factor norm".split()


def _elementwise(d):
    return call(f"ops.{d.choice(ELEMENTWISE)}", d.array())


def _activation(d):
    options = {"axis": d.choice([-1, 0, 1])} if d.chance(0.1) else {}
    where = d.choice(["activations", "ops", "activations"])
    name = d.choice(ACTIVATIONS)
    options = options if name in ("softmax", "log_softmax") else {}
    shape = d.shape(1, 3)
    shape[-1] = 2 * max(shape[-1] // 2, 1) if name == "glu" else shape[-1]
    return call(f"{where}.{name}", d.array(shape, d.choice(FLOATS)), **(options))


def _pair(d):
    """Two shapes that broadcast, mostly."""
    shape = d.shape(0, 3)
    other = [1 if d.chance(0.25) else size for size in shape][d.randint(0, len(shape)) if d.chance(0.3) else 0 :]
    other = d.shape(0, 2) if d.chance(0.05) else other
    return (shape, other) if d.chance(0.5) else (other, shape)


def _binary(d):
    first, second = (d.array(shape) for shape in _pair(d))
    if d.chance(0.2):
        second = d.choice([2, 0.5, -1, True, 3.0, 0])
    elif d.chance(0.5):
        second["dtype"] = first["dtype"]
    return call(f"ops.{d.choice(BINARY)}", *((first, second) if d.chance(0.9) else (second, first)))


def _reduction(d):
    shape = d.shape()
    return call(f"ops.{d.choice(REDUCTIONS)}", d.array(shape), axis=d.axes(len(shape)), **d.options(keepdims=[True]))


def _one_axis(d):
    shape = d.shape(1)
    name = d.choice(ONE_AXIS)
    options = d.options(axis=[d.axis(len(shape))])
    if name[-3:] in ("sum", "rod") and d.chance(0.2):
        options["dtype"] = d.choice(DTYPES)
    return call(f"ops.{name}", d.array(shape), **options)


def _moving(d):
    """Functions that move values."""
    shape = d.shape(1, 4)
    rank = len(shape)
    a, b = d.axis(rank), d.axis(rank)
    options = {
        "flip": {"axis": d.axes(rank)},
        "roll": {"shift": d.randint(-3, 3), "axis": d.choice([None, a])},
        "expand_dims": {"axis": d.randint(-rank - 1, rank)},
        "squeeze": {"axis": d.choice([None, a])},
        "swapaxes": {"axis1": a, "axis2": b},
        "moveaxis": {"source": a, "destination": b},
        "tile": {"repeats": d.choice([2, [1, 2], [2] * rank, [0]])},
        "repeat": {"repeats": d.randint(0, 3), "axis": d.choice([None, a])},
        "reshape": {"newshape": d.choice([[-1], [1, -1], shape[::-1], {"tuple": shape}, [-1, shape[-1]]])},
        "pad": {"pad_width": d.choice([1, [[1, 2]] * rank, [[0, 1]]]), "mode": d.choice(["constant", "constant", "reflect"])},
        "split": {"indices_or_sections": d.choice([1, 2, 3, [1], [1, 2]]), "axis": a},
        "array_split": {"indices_or_sections": d.choice([1, 2, 3]), "axis": a},
        "unstack": {"axis": a},
        "tril": {"k": d.randint(-2, 2)},
        "triu": {"k": d.randint(-2, 2)},
        "diagonal": {"offset": d.randint(-1, 1)},
        "trace": {"offset": d.randint(-1, 1)},
        "diag": {"k": d.randint(-1, 1)},
        "diagflat": {"k": d.randint(-1, 1)},
        "rot90": {"k": d.randint(-1, 4)},
        "clip": {"x_min": d.choice([-1, 0.5, 0]), "x_max": d.choice([1, 2.5])},
        "cast": {"dtype": d.choice(DTYPES)},
        "saturate_cast": {"dtype": d.choice(DTYPES)},
        "full_like": {"fill_value": d.choice([2, 1.5, True]), **d.options(dtype=DTYPES)},
        "convert_to_tensor": d.options(dtype=DTYPES),
        "array": d.options(dtype=DTYPES),
        "nonzero": {},
        "fliplr": {},
        "flipud": {},
        "quantile": {"q": d.choice([0.5, [0.1, 0.9]]), "axis": d.axes(rank), **d.options(keepdims=[True])},
        "percentile": {"q": d.choice([50, [10, 90.0]]), "axis": d.choice([None, a])},
        "average": {"axis": d.choice([None, a])},
        "one_hot": {"num_classes": d.randint(1, 5), **d.options(axis=[-1, 0], dtype=["float32", "int32", "bool"])},
        "multi_hot": {"num_classes": d.randint(1, 5)},
        "moments": {"axes": [a], **d.options(keepdims=[True])},
        "normalize": {"axis": a, **d.options(order=[1, 2, 3])},
        "layer_normalization": d.options(axis=[-1], epsilon=[1e-3]),
        "rms_normalization": d.options(axis=[-1, a]),
        "broadcast_to": {"shape": [2, *shape]},
        "norm": {"axis": d.choice([None, a]), **d.options(ord=[1, 2])},
        "top_k": {"k": d.randint(1, 3), **d.options(sorted=[True])},
        "unique": d.options(sorted=[True], return_counts=[True], return_inverse=[True], axis=[a]),
        "view": {"dtype": d.choice(["int32", "float32", "uint8"])},
    }  # fmt: skip
    name = d.choice(list(options))
    return call(f"ops.{name}", d.array(shape), **options[name])


def _lists(d):
    """Functions of several arrays."""
    shape = d.shape(1, 3)
    name = d.choice(["concatenate", "stack", "hstack", "vstack", "dstack", "append", "meshgrid", "where", "select"])
    arrays = [d.array(shape) for _ in range(d.randint(1, 3))]
    if name == "where":
        return call("ops.where", d.array(shape, "bool"), d.array(shape), d.array(shape))
    if name == "select":
        return call("ops.select", [d.array(shape, "bool")], arrays[:1], **d.options(default=[0, 1.5]))
    if name == "append":
        return call("ops.append", d.array(shape), d.array(shape), axis=d.choice([None, d.axis(len(shape))]))
    if name == "meshgrid":
        return call("ops.meshgrid", *[d.array([d.choice(SIZES)]) for _ in arrays], **d.options(indexing=["ij"]))
    axis = {"axis": d.axis(len(shape))} if name in ("concatenate", "stack") else {}
    return call(f"ops.{name}", arrays, **axis)


def _products(d):
    a, b, c = (d.choice([1, 2, 3, 5]) for _ in range(3))
    first, second = d.array([a, b]), d.array([b, c])
    if d.chance(0.5):
        second["dtype"] = first["dtype"]
    return d.choice([
        call("ops.matmul", first, second),
        call("ops.dot", first, second),
        call("ops.einsum", "ab,bc->ac", first, second),
        call("ops.einsum", d.choice(["ab->ba", "ab->", "ab->b", "ab"]), first),
        call("ops.tensordot", first, second, axes=1),
        call("ops.inner", first, d.array([c, b], first["dtype"])),
        call("ops.outer", first, second),
        call("ops.vdot", d.array([a]), d.array([a])),
        call("ops.kron", first, second),
        call("ops.cross", d.array([a, 3]), d.array([3])),
        call("ops.cdist", d.array([a, b], d.choice(FLOATS)), d.array([c, b], "float32")),
        call("ops.matmul", d.array([2, a, b]), second),
        call("ops.correlate", d.array([a + 2]), d.array([b]), **d.options(mode=["same", "full"])),
        call("ops.corrcoef", d.array([a + 1, b + 1])),
    ])  # fmt: skip


def _indexing(d):
    shape = d.shape(1, 3)
    rank, axis = len(shape), d.axis(len(shape))
    indices = d.array(d.shape(0, 2), d.choice(INTEGERS[4:]), "labels", high=max(shape[axis], 1))
    size = d.choice([1, 3, 5])
    return d.choice([
        call("ops.take", d.array(shape), indices, axis=axis),
        call("ops.take", d.array(shape), indices),
        call("ops.take_along_axis", d.array(shape), d.array(shape, "int32", "labels", high=shape[axis]), axis=axis),
        call("ops.get_item", d.array(shape), d.choice([0, -1, {"slice": [None, None, 2]}, {"tuple": [0] * rank}])),
        call("ops.searchsorted", {"call": "ops.sort", "args": [d.array([size])]}, d.array([3]), **d.options(side=["right"])),
        call("ops.digitize", d.array(shape), [-1.0, 0.0, 2.5]),
        call("ops.bincount", d.array([size], d.choice(INTEGERS), "labels"), **d.options(minlength=[6])),
        call("ops.histogram", d.array([size]), bins=d.randint(1, 4)),
        call("ops.segment_sum", d.array([size, 2]), d.array([size], "int32", "labels"), **d.options(num_segments=[3, 5])),
        call("ops.segment_max", d.array([size, 2]), d.array([size], "int32", "labels"), num_segments=3),
        call("ops.scatter", d.array([size, 1], "int32", "labels"), d.array([size]), {"tuple": [4]}),
        call("ops.scatter_update", d.array([4]), d.array([size, 1], "int32", "labels"), d.array([size])),
        call("ops.slice", d.array([size, 3]), [0, 1], [1, 2]),
        call("ops.slice_update", d.array([size, 3]), [0, 1], d.array([1, 2])),
        call("ops.in_top_k", d.array([size], "int32", "labels"), d.array([size, 3], "float32"), k=d.randint(1, 3)),
        call("ops.unravel_index", d.array([size], "int32", "labels", high=6), {"tuple": [2, 3]}),
    ])  # fmt: skip


def _making(d):
    shape = d.choice([3, {"tuple": [2, 3]}, [0, 2], {"tuple": []}])
    number = d.randint(0, 4)
    dtype = d.options(dtype=DTYPES)
    return d.choice([
        call("ops.zeros", shape, **dtype),
        call("ops.ones", shape, **dtype),
        call("ops.full", shape, d.choice([2, 1.5, True]), **dtype),
        call("ops.eye", number, **d.options(M=[2, 5], k=[1, -1]), **dtype),
        call("ops.tri", number, **d.options(k=[1, -1]), **dtype),
        call("ops.identity", number, **dtype),
        call("ops.arange", number, **d.options(stop=[7, 5.5], step=[2, 1]), **dtype),
        call("ops.linspace", d.choice([0, -1.0]), d.choice([5, 2.5]), num=d.randint(0, 5), **d.options(endpoint=[False])),
        call("ops.logspace", 0, 2.0, num=d.randint(1, 5), **d.options(base=[2, 10])),
        call("ops.vander", d.array([number]), **d.options(N=[2, 3])),
        call(f"ops.{d.choice(['bartlett', 'blackman', 'hamming', 'hanning'])}", number + d.randint(0, 5)),
        call("ops.kaiser", number + 1, d.choice([2, 14.0])),
    ])  # fmt: skip


def _squares(d):
    size = d.choice([1, 2, 3])
    matrix = d.array([size, size], d.choice(["float32", "float32", "float64", "int32"]), "normal")
    name = d.choice(SQUARE)
    if name in ("cholesky", "eigh"):
        matrix = call("ops.add", call("ops.matmul", matrix, call("ops.transpose", matrix)), call("ops.eye", size))
    result = call(f"ops.{name}", matrix)
    return call("ops.abs", call("ops.get_item", result, 0)) if name in ("eigh", "qr", "svd") else result


def _windows(d):
    rank = d.randint(1, 3)
    first = d.choice(["channels_last", "channels_last", "channels_first"])
    spatial, channels = [d.randint(3, 6) for _ in range(rank)], d.choice([1, 2, 4])
    shape = [2, *spatial, channels] if first == "channels_last" else [2, channels, *spatial]
    dtype = d.choice(["float32", "float32", "float16", "bfloat16"])
    x, kernel = d.array(shape, dtype, "normal", 0), [d.randint(1, 3) for _ in range(rank)]
    more = {"padding": d.choice(["valid", "same"]), "data_format": first}
    name = d.choice(["conv", "conv_transpose", "depthwise_conv", "max_pool", "average_pool"])
    if name.endswith("pool"):
        return call(f"ops.{name}", x, {"tuple": kernel}, strides=d.choice([None, 1, 2]), **more)
    if rank == 3 and name == "depthwise_conv":
        name = "conv"
    groups = d.choice([g for g in (1, 1, 2) if channels % g == 0]) if name == "conv" else 1
    filters = 2 * d.randint(1, 2)
    last = {
        "conv": [channels // groups, filters],
        "conv_transpose": [filters, channels],
        "depthwise_conv": [channels, 2],
    }
    strides = d.choice([1, 1, 2])
    dilation = {"dilation_rate": 2} if strides == 1 and d.chance(0.3) else {}
    return call(f"ops.{name}", x, d.array(kernel + last[name], dtype, "normal", 0), strides=strides, **more, **dilation)


def _random(d):
    shape, seed = {"tuple": d.shape(0, 3)}, d.randint(0, 99)
    return d.choice([
        call("random.normal", shape, seed=seed, **d.options(mean=[1.0], stddev=[0.1], dtype=FLOATS)),
        call("random.uniform", shape, seed=seed, **d.options(minval=[-1.0], maxval=[2], dtype=FLOATS)),
        call("random.truncated_normal", shape, seed=seed, **d.options(stddev=[0.1], dtype=FLOATS)),
        call("random.randint", shape, 0, d.choice([1, 5, 300]), seed=seed, **d.options(dtype=INTEGERS)),
        call("random.categorical", d.array([3, 4], "float32"), d.randint(0, 3), seed=seed),
        call("random.dropout", d.array(shape["tuple"], d.choice(FLOATS)), d.choice([0.0, 0.5]), seed=seed),
        call("random.shuffle", d.array(d.shape(1, 3)), seed=seed, **d.options(axis=[-1, 0])),
        call("random.gamma", shape, 2.0, seed=seed),
        call("random.beta", shape, 2.0, 3.0, seed=seed),
        call("random.binomial", shape, 5, 0.3, seed=seed),
    ])  # fmt: skip


SHARES = {
    _elementwise: 16, _activation: 10, _binary: 20, _reduction: 14, _one_axis: 8, _moving: 20, _lists: 6, _products: 8,
    _indexing: 8, _making: 6, _squares: 3, _windows: 6, _random: 5,
}  # fmt: skip


def draw(d):
    return {"program": d.rng.choices(list(SHARES), list(SHARES.values()))[0](d)}


def run(library, case):
    return build(library, case["program"])
