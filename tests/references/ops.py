"""Functions of arrays: values and dtypes."""

import jax
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4)).astype("float32")
Y = RNG.normal(size=(3, 4)).astype("float32") + 2
UNIT = RNG.uniform(0.05, 0.95, size=(3, 4)).astype("float32")
INT = RNG.integers(0, 5, size=(3, 4)).astype("int32")
BOOL = X > 0
CUBE = RNG.normal(size=(2, 5, 4)).astype("float32")
IMAGES = RNG.normal(size=(2, 5, 6, 3)).astype("float32")
COLORS = np.array(
    [[[0.2, 0.5, 0.9], [0.5, 0.5, 0.1]], [[0.7, 0.1, 0.7], [0.3, 0.3, 0.3]], [[0, 0, 0], [0.9, 0.1, 0.4]]]
)
COLORS = COLORS[None].astype("float32")
LARGE = np.random.default_rng(1).uniform(size=(2, 13, 12, 3)).astype("float32")
VOLUMES = np.random.default_rng(1).normal(size=(2, 4, 5, 6, 2)).astype("float32")
CORNERS = np.array([[0, 0], [11, 0], [0, 12], [11, 12]], "float32")
BENT = np.array([[1, 2], [-2, 1], [0.5, -3], [-1, 0]], "float32")
FIRST = {"data_format": "channels_first"}
DEEP = RNG.normal(size=(2, 4, 2, 8)).astype("float32")
SIGNAL = RNG.normal(size=(2, 20)).astype("float32")
SPECTRUM = tuple(RNG.normal(size=(2, 2, 6, 5)).astype("float32"))
NANS = np.where(X > 0.5, np.nan, X).astype("float32")
SQUARE = X[:, :3] @ X[:, :3].T + 3 * np.eye(3, dtype="float32")

ON_X = """
    abs absolute ceil conj copy cos cosh deg2rad exp exp2 expm1 fabs floor imag isfinite isinf isnan isneginf
    isposinf isreal negative rad2deg real reciprocal sign signbit sin sinc sinh square tan tanh trunc arcsinh
    arctan cbrt i0 erf erfc relu relu6 elu celu gelu selu silu swish hard_silu hard_swish hard_sigmoid
    hard_tanh sigmoid log_sigmoid log_softmax softmax softplus softsign sparse_plus sparse_sigmoid squareplus
    tanh_shrink soft_shrink hard_shrink leaky_relu glu all any argmax argmin max mean median min prod std sum
    var ptp amax amin argsort sort cumprod cumsum count_nonzero ravel transpose flip nan_to_num logsumexp tril
    triu size ndim zeros_like ones_like stop_gradient normalize nansum nanmean nanmax nanmin nanstd nanvar
    diff trace diagonal fliplr flipud corrcoef nancumprod nancumsum diagflat
""".split()
ON_UNIT = "arccos arccosh arcsin arctanh log log10 log1p log2 sqrt rsqrt erfinv".split()
ON_BOTH = """
    add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot
    less less_equal logaddexp maximum minimum mod multiply nextafter not_equal power subtract true_divide
    allclose isclose append inner
""".split()
ON_INTEGERS = (
    "bitwise_and bitwise_or bitwise_xor gcd lcm left_shift right_shift add multiply divide mean subtract".split()
)

CALLS = {
    **{name: [((X,), {})] for name in ON_X},
    **{name: [((UNIT + (name == "arccosh"),), {})] for name in ON_UNIT},
    **{name: [((X, Y), {})] for name in ON_BOTH},
    "sum": [((X,), {"axis": 1}), ((X,), {"axis": (0, 1), "keepdims": True}), ((INT,), {}), ((BOOL,), {})],
    "mean": [((X,), {"axis": -1, "keepdims": True}), ((INT,), {})],
    "divide": [((INT, 2), {}), ((X, 2.0), {})],
    "logical_and": [((BOOL, Y > 2), {})],
    "logical_not": [((BOOL,), {})],
    "average": [((X,), {"axis": 1, "weights": np.ones(4, "float32")})],
    "bincount": [((INT[0],), {"minlength": 6})],
    "broadcast_to": [((X, (2, 3, 4)), {})],
    "cast": [((X, "int32"), {}), ((INT, "float16"), {})],
    "saturate_cast": [((300 * X, "uint8"), {})],
    "clip": [((X, -0.5, 0.5), {})],
    "concatenate": [(([X, Y],), {"axis": 1})],
    "stack": [(([X, Y],), {"axis": 1})],
    "hstack": [(([X, Y],), {})],
    "vstack": [(([X, Y],), {})],
    "cross": [((X[:, :3], Y[:, :3]), {})],
    "diag": [((X[0],), {"k": 1})],
    "digitize": [((X, np.array([-1.0, 0.0, 1.0])), {})],
    "dot": [((X, Y.T), {})],
    "matmul": [((X, Y.T), {}), ((CUBE, CUBE.transpose(0, 2, 1)), {})],
    "einsum": [(("ij,kj->ik", X, Y), {})],
    "tensordot": [((CUBE, CUBE), {"axes": [[1, 2], [1, 2]]})],
    "outer": [((X[0], Y[0]), {})],
    "expand_dims": [((X, 1), {}), ((X, (0, -1)), {})],
    "squeeze": [((X[:, None],), {"axis": 1})],
    "get_item": [((X, (slice(None), slice(1, 3))), {})],
    "isin": [((INT, np.array([1, 2])), {})],
    "meshgrid": [((X[0], Y[0]), {})],
    "moveaxis": [((CUBE, 0, -1), {})],
    "swapaxes": [((CUBE, 0, 2), {})],
    "pad": [((X, ((1, 0), (0, 2))), {}), ((X, 1), {"constant_values": 2}), ((X, 1), {"mode": "reflect"})],
    "quantile": [((X, 0.3), {"axis": 1})],
    "repeat": [((X, 2), {"axis": 1})],
    "reshape": [((X, (2, -1)), {}), ((X, -1), {})],
    "roll": [((X, 1), {"axis": 1})],
    "searchsorted": [((np.sort(X[0]), Y[0]), {})],
    "select": [(([BOOL, Y > 2], [X, Y], 7.0), {})],
    "split": [((X, 2), {"axis": 1}), ((X, [1, 3]), {"axis": 1})],
    "take": [((X, np.array([0, 2])), {"axis": 0})],
    "take_along_axis": [((X, INT % 3), {"axis": 0})],
    "tile": [((X, (1, 2)), {})],
    "where": [((BOOL, X, Y), {})],
    "arange": [((5,), {}), ((1.0, 3.0, 0.5), {})],
    "linspace": [((0.0, 1.0, 5), {})],
    "eye": [((3,), {})],
    "zeros": [(((2, 3),), {})],
    "full": [(((2, 3), 2.0), {})],
    "one_hot": [((INT, 5), {}), ((INT[0], 5), {"axis": 0, "dtype": "int32"})],
    "multi_hot": [((INT, 5), {})],
    "conv": [((IMAGES, RNG.normal(size=(3, 3, 3, 2)).astype("float32")), {"strides": 2, "padding": "same"})],
    "conv_transpose": [((IMAGES, RNG.normal(size=(3, 3, 2, 3)).astype("float32")), {"strides": 2})],
    "depthwise_conv": [((IMAGES, RNG.normal(size=(3, 3, 3, 2)).astype("float32")), {})],
    "max_pool": [((IMAGES, (2, 2)), {"strides": (2, 1), "padding": "same"})],
    "average_pool": [((IMAGES, (2, 3)), {"strides": 1})],
    "moments": [((CUBE, [0, 1]), {})],
    "batch_normalization": [((CUBE, X[0], UNIT[0], -1), {"offset": Y[0], "scale": Y[1]})],
    "layer_normalization": [((CUBE, X[0], Y[0]), {})],
    "rms_normalization": [((CUBE, X[0]), {})],
    "binary_crossentropy": [((UNIT, UNIT[::-1]), {}), ((UNIT, X), {"from_logits": True})],
    "categorical_crossentropy": [((UNIT, UNIT[::-1]), {}), ((UNIT, X), {"from_logits": True})],
    "sparse_categorical_crossentropy": [((INT[:, 0] % 4, UNIT), {}), ((INT[:, 0] % 4, X), {"from_logits": True})],
    "dot_product_attention": [((CUBE[:, :, None], CUBE[:, :, None], CUBE[:, :, None]), {"is_causal": True})],
    "psnr": [((X, Y, 1.0), {})],
    "top_k": [((X, 2), {})],
    "in_top_k": [((INT[:, 0] % 4, X, 2), {})],
    "segment_sum": [((X, np.array([0, 0, 1])), {"num_segments": 3})],
    "segment_max": [((X, np.array([0, 0, 1])), {"num_segments": 2})],
    "extract_sequences": [((X, 2, 1), {})],
    "rfft": [((X,), {})],
    "det": [((SQUARE,), {})],
    "inv": [((SQUARE,), {})],
    "cholesky": [((SQUARE,), {})],
    "norm": [((X,), {"axis": 1}), ((X,), {})],
    "solve": [((SQUARE, X), {})],
    "qr": [((SQUARE,), {})],
    "slice": [((X, (1, 0), (2, 3)), {})],
    "slice_update": [((X, (1, 0), Y[:2, :3]), {})],
    "scatter": [((np.array([[0], [2]]), Y[:2], (4, 4)), {})],
    "scatter_update": [((X, np.array([[0, 1], [2, 3]]), np.array([7.0, 8.0], "float32")), {})],
    "unstack": [((X,), {"axis": 1})],
    "convert_to_tensor": [(([[1.0, 2.0]],), {}), (([1, 2],), {}), ((X,), {"dtype": "int32"})],
    **{name: [((7,), {})] for name in ("bartlett", "blackman", "hamming", "hanning")},
    "kaiser": [((7, 3.0), {})],
    "geomspace": [((1.0, 8.0), {"num": 4})],
    "vander": [((X[0],), {"N": 3}), ((X[0],), {"increasing": True})],
    "unique": [((INT,), {"return_counts": True, "return_inverse": True, "size": 7, "fill_value": -1}), ((INT,), {})],
    "nanquantile": [((NANS, 0.3), {"axis": 1})],
    "nanpercentile": [((NANS, 30.0), {})],
    "nancumsum": [((NANS,), {"axis": 1})],
    "hsplit": [((X, 2), {})],
    "vsplit": [((X, [1]), {})],
    "dsplit": [((CUBE, 2), {})],
    "cholesky_inverse": [((np.linalg.cholesky(SQUARE),), {}), ((np.linalg.cholesky(SQUARE).T,), {"upper": True})],
    "lu_factor": [((SQUARE,), {}), ((np.stack([SQUARE, SQUARE.T]),), {})],
    "logdet": [((SQUARE,), {})],
    "matrix_rank": [((np.outer(X[0], X[1]),), {}), ((SQUARE,), {"tol": 1e3})],
    "cdist": [((X, Y), {}), ((CUBE, CUBE[:, :2]), {})],
    "fft2": [(((X, Y),), {})],
    "ifft2": [(((X, Y),), {})],
    "stft": [((SIGNAL, 8, 3, 8), {}), ((SIGNAL, 6, 3, 9), {"window": "hamming", "center": False})],
    "istft": [
        ((SPECTRUM, 8, 3, 8), {}),
        ((SPECTRUM, 6, 3, 8), {"window": None, "length": 15}),
        ((SPECTRUM, 8, 4, 8), {"window": np.arange(1.0, 9.0), "center": False}),
    ],
    "view_as_complex": [((IMAGES[..., :2],), {})],
    "view_as_real": [((X + 1j * Y,), {})],
    "polar": [((UNIT, X), {})],
    "adaptive_average_pool": [((IMAGES, (2, 4)), {}), ((CUBE, 3), {"data_format": "channels_first"})],
    "adaptive_max_pool": [((IMAGES, 2), {})],
    "unfold": [((IMAGES, 2), {}), ((IMAGES, (2, 1)), {"dilation": 2, "padding": (1, 0), "stride": (1, 2)})],
    "fold": [
        ((CUBE[:, :4], (3, 3), 2), {}),
        ((RNG.normal(size=(2, 6, 9)).astype("float32"), (4, 5), (2, 3)), {"padding": 1, "stride": 2}),
    ],
    "depth_to_space": [((DEEP, 2), {}), ((DEEP, 2), {"data_format": "channels_first"})],
    "space_to_depth": [((DEEP, 2), {}), ((DEEP, 2), {"data_format": "channels_first"})],
    "ctc_loss": [
        ((INT[:2, :3] + 1, CUBE[..., :].repeat(2, -1), np.array([3, 1]), np.array([5, 4])), {}),
        ((INT[:2, :3], CUBE.repeat(2, -1), np.array([2, 3]), np.array([5, 5])), {"mask_index": 7}),
    ],
    "resize": [((IMAGES, (3, 9)), {}), ((IMAGES, (10, 3)), {"interpolation": "nearest"})],
    "rgb_to_grayscale": [((IMAGES,), {})],
    "rgb_to_hsv": [((COLORS,), {}), ((COLORS[0].transpose(2, 0, 1),), {"data_format": "channels_first"})],
    "hsv_to_rgb": [((COLORS,), {}), ((COLORS[0].transpose(2, 0, 1) - 0.5,), {"data_format": "channels_first"})],
    "gaussian_blur": [
        ((IMAGES,), {"data_format": "channels_last"}),  # Keras takes None for "channels_first" here
        ((IMAGES[0], (5, 4), (0.7, 2.0)), {"data_format": "channels_last"}),
        ((IMAGES, (2, 3)), {"data_format": "channels_first"}),
    ],
    "sobel_edges": [((IMAGES,), {}), ((IMAGES,), {"data_format": "channels_first"})],
    "ssim": [
        ((LARGE, LARGE + 0.1 * LARGE[::-1]), {}),
        ((LARGE[0], LARGE[1], 2.0, 4, 0.8, 0.02, 0.04), {}),
        ((LARGE.transpose(0, 3, 1, 2), LARGE[::-1].transpose(0, 3, 1, 2)), {"data_format": "channels_first"}),
    ],
    "crop_images": [
        ((IMAGES, 1, 2), {"bottom_cropping": 1, "right_cropping": 0}),
        ((IMAGES[0], None, 1), {"bottom_cropping": 2, "target_height": 2, "target_width": 3}),
        ((IMAGES,), {"top_cropping": 1, "target_height": 3, "left_cropping": 1, "right_cropping": 1, **FIRST}),
    ],
    "pad_images": [
        ((IMAGES, 1, 2), {"bottom_padding": 1, "right_padding": 0}),
        ((IMAGES[0], None, 1), {"bottom_padding": 2, "target_height": 8, "target_width": 9}),
        ((IMAGES,), {"top_padding": 1, "target_height": 9, "left_padding": 1, "right_padding": 1, **FIRST}),
    ],
    "extract_patches": [
        ((IMAGES, 2), {}),
        ((IMAGES[0], (3, 2), (1, 2)), {"padding": "same"}),
        ((IMAGES, (2, 3), 1, 2), {}),
        ((IMAGES, (2, 2), (2, 1)), {"padding": "same", **FIRST}),
        ((VOLUMES, (2, 2, 3)), {}),
        ((VOLUMES[0], (2, 1, 2), 1), {"padding": "same"}),
    ],
    "extract_patches_3d": [((VOLUMES, 2, 1), {"padding": "same", **FIRST}), ((VOLUMES, (1, 2, 2), None, 1), {})],
    "perspective_transform": [
        ((LARGE[0], CORNERS, CORNERS + BENT), {}),
        ((LARGE, np.stack([CORNERS, CORNERS - BENT]), np.stack([CORNERS + BENT, CORNERS])), {"fill_value": 0.7}),
        ((LARGE[0], CORNERS, CORNERS + BENT, "nearest"), FIRST),
    ],
    "elastic_transform": [
        ((LARGE,), {"seed": 3}),
        ((LARGE, 4.0, 0.7, "nearest", "constant", 2.0), {"seed": 4, **FIRST}),
        ((LARGE[0], 9.0, 1.3), {"seed": 5, "fill_mode": "wrap"}),
    ],
    "scale_and_translate": [
        ((IMAGES, (2, 7, 9, 3), np.array([1.5, 1.2]), np.array([0.3, -0.7]), (1, 2), "linear"), {}),
        ((X, (5, 3), np.array([0.7, 0.7]), np.array([1.0, 0.0]), (0, 1), "lanczos3"), {"antialias": False}),
    ],
    "affine_transform": [
        ((LARGE[0], np.array([1.1, 0.2, -1, -0.1, 0.9, 2, 0, 0])), {}),
        ((LARGE, RNG.normal(size=(2, 8)) * ([1] * 6 + [0] * 2), "nearest", "reflect"), FIRST),
    ],
}


def cases(keras):
    """What each function gives."""
    numbers = {}
    for name, calls in CALLS.items():
        function = getattr(keras.ops, name, None) or getattr(keras.ops.image, name)
        for i, (args, kwargs) in enumerate(calls):
            for j, value in enumerate(jax.tree.leaves(function(*args, **kwargs))):
                numbers[f"{name}/{i}/{j}"] = np.asarray(value)
    return numbers
