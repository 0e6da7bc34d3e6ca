"""Data sets of folders and time series, compared with Keras: files, order, labels, splits, contents."""

import io
import os
import wave

import numpy as np
import pytest
from PIL import Image

import minidl
from minidl import utils
from minidl.utils import decoding, resampling
from minidl.utils.resampling import METHODS, resize

RANDOM = np.random.default_rng(0)
FUNCTIONS = {
    "images": "image_dataset_from_directory",
    "texts": "text_dataset_from_directory",
    "sounds": "audio_dataset_from_directory",
}


def write_image(path, number):
    height, width = 9 + number % 5, 7 + number % 3
    Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype="uint8")).save(path)


def write_text(path, number):
    path.write_text(f"text {number} with é\r\nand a line" * (number + 1))


def write_sound(path, number):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 + number // 100)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(RANDOM.integers(-(2**15), 2**15, 20 + number * (1 + number // 100)).astype("<i2").tobytes())


WRITERS = {"images": (write_image, ".png"), "texts": (write_text, ".txt"), "sounds": (write_sound, ".wav")}


@pytest.fixture(scope="module", params=FUNCTIONS)
def folder(request, tmp_path_factory):
    """Classes of 7, 4 and 5 files, one of them below another folder; and files and folders that do not count."""
    root = tmp_path_factory.mktemp(request.param)
    write, extension = WRITERS[request.param]
    number = 0
    for name, count in (("b", 7), ("a", 3), ("a/deeper", 1), ("C c", 5)):
        (root / name).mkdir(exist_ok=True)
        for _ in range(count):
            write(root / name / f"{(number * 7) % 16}{extension.upper() if number == 3 else extension}", number)
            number += 1
    (root / "a" / "ignored.md").write_text("no")
    (root / ".hidden").mkdir()
    write(root / ".hidden" / f"0{extension}", 0)
    return request.param, root


def options_for(kind, options):
    return {**({"image_size": (8, 8)} if kind == "images" else {}), "verbose": False, **options}


LABELS = [3, 1, 1, 2, 3, 1, 2, 2, 1, 3, 1, 2, 3, 1, 2, 2, 1]
ORDERED = [
    {},
    {"label_mode": "categorical"},
    {"label_mode": None},
    {"labels": None},
    {"labels": LABELS},
    {"class_names": ["b", "a"]},
    {"class_names": ["b", "a"], "label_mode": "binary"},
    {"batch_size": None},
    {"batch_size": 5},
    {"validation_split": 0.3, "subset": "training"},
    {"validation_split": 0.3, "subset": "validation"},
    {"validation_split": 0.3, "subset": "both"},
    {"follow_links": True},
]


def lists(data):
    return data if isinstance(data, (list, tuple)) else [data]


def leaves(element):
    return element if isinstance(element, tuple) else (element,)


@pytest.mark.parametrize("options", ORDERED, ids=str)
def test_the_same_elements_as_keras_live(folder, options):
    kind, root = folder
    theirs = getattr(pytest.importorskip("keras").utils, FUNCTIONS[kind])
    pytest.importorskip("tensorflow")
    options = options_for(kind, {"shuffle": False, **options})
    for ours, keras in zip(
        lists(getattr(utils, FUNCTIONS[kind])(root, **options)), lists(theirs(str(root), **options)), strict=True
    ):
        assert ours.class_names == keras.class_names
        assert int(ours.cardinality()) == int(keras.cardinality())
        if kind == "images":
            assert ours.file_paths == keras.file_paths
        for one, other in zip(ours, keras, strict=True):
            for array, expected in zip(leaves(one), leaves(other), strict=True):
                expected = expected.numpy()
                if kind == "texts" and np.asarray(expected).dtype == object or isinstance(expected, bytes):
                    expected = np.vectorize(lambda text: text.decode(), otypes=[object])(expected)
                    assert array.tolist() == expected.tolist() and array.dtype == object
                else:
                    assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
                    np.testing.assert_allclose(array, expected, atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.4, "subset": "both"}, {"labels": LABELS}], ids=str)
@pytest.mark.parametrize("seed", [1, 2, None])
def test_the_same_shuffled_files_and_split_as_keras_live(folder, options, seed):
    kind, root = folder
    if kind != "images":
        pytest.skip("others have no file_paths in Keras")
    if seed is None and "subset" in options:
        pytest.skip("needs a seed")
    theirs = getattr(pytest.importorskip("keras").utils, FUNCTIONS[kind])
    pytest.importorskip("tensorflow")
    np.random.seed(5)
    ours = lists(getattr(utils, FUNCTIONS[kind])(root, **options_for(kind, {"seed": seed, **options})))
    np.random.seed(5)
    keras = lists(theirs(str(root), **options_for(kind, {"seed": seed, **options})))
    assert [one.file_paths for one in ours] == [one.file_paths for one in keras]


def test_shuffled_passes_give_each_file_with_its_label(folder):
    kind, root = folder
    function = getattr(utils, FUNCTIONS[kind])
    plain = {repr(x.tolist()): int(y) for x, y in function(root, **options_for(kind, {"batch_size": None}))}
    data = function(root, **options_for(kind, {"seed": 3, "batch_size": None}))
    passes = [[(repr(x.tolist()), int(y)) for x, y in data] for _ in range(2)]
    assert len(plain) == 16 and dict(passes[0]) == dict(passes[1]) == plain and passes[0] != passes[1]
    again = function(root, **options_for(kind, {"seed": 3, "batch_size": None}))
    assert [(repr(x.tolist()), int(y)) for x, y in again] == passes[0]


def test_the_validation_part_is_not_shuffled_where_both_are_read(folder):
    kind, root = folder
    options = options_for(kind, {"seed": 3, "validation_split": 0.5, "subset": "both"})
    _, held_out = getattr(utils, FUNCTIONS[kind])(root, **options)
    first, second = (np.concatenate([y for _, y in held_out]).tolist() for _ in range(2))
    assert first == second and len(first) == 8


def test_how_many_files_is_printed(folder, capsys):
    kind, root = folder
    options = {**options_for(kind, {"seed": 1, "validation_split": 0.25, "subset": "training"}), "verbose": True}
    getattr(utils, FUNCTIONS[kind])(root, **options)
    assert capsys.readouterr().out == "Found 16 files belonging to 3 classes.\nUsing 12 files for training.\n"


WRONG = {
    "labels must be": {"labels": "all"},
    "label_mode must be": {"label_mode": "one-hot"},
    "need labels='inferred'": {"labels": None, "class_names": ["a"]},
    "no folders": {"class_names": ["a", "z"]},
    "two classes": {"label_mode": "binary"},
    "subset must be": {"subset": "test", "validation_split": 0.1},
    "need each other": {"subset": "training"},
    "between 0 and 1": {"subset": "training", "validation_split": 1.5, "seed": 1},
    "pass a seed": {"subset": "training", "validation_split": 0.5},
    "no validation files": {"subset": "both", "validation_split": 0.01, "seed": 1},
    "got 2 labels for the 17 files": {"labels": [1, 2]},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_is_refused(folder, message):
    kind, root = folder
    with pytest.raises(ValueError, match=message):
        getattr(utils, FUNCTIONS[kind])(root, **options_for(kind, WRONG[message]))


def test_a_folder_without_files(folder, tmp_path):
    kind, _ = folder
    with pytest.raises(ValueError, match="there are no files"):
        getattr(utils, FUNCTIONS[kind])(tmp_path, **options_for(kind, {}))
    with pytest.raises(ValueError, match="there is no folder"):
        getattr(utils, FUNCTIONS[kind])(tmp_path / "nowhere", **options_for(kind, {}))


# Images


@pytest.fixture(params=["opencv", "numpy"])
def resizer(request, monkeypatch):
    """What images are resized with by "bilinear"."""
    if request.param == "numpy":
        monkeypatch.setattr(resampling, "found", lambda module: None)
    else:
        pytest.importorskip("cv2")


@pytest.mark.parametrize("size", [(5, 4), (16, 24), (9, 7)])
@pytest.mark.parametrize("method", METHODS)
def test_the_same_pixels_as_tensorflow_live(method, size, resizer):
    tf = pytest.importorskip("tensorflow")
    pixels = RANDOM.integers(0, 256, (9, 7, 3), dtype="uint8")
    # In a map Keras does not know the size: if it does and nothing changes, tf.image.resize returns the image.
    function = tf.function(
        lambda image: tf.image.resize(image, size, method=method), [tf.TensorSpec((None, None, None), tf.uint8)]
    )
    expected = function(pixels).numpy()
    found = resize(pixels, size, method)
    assert found.dtype == expected.dtype
    # TensorFlow computes places in float32, and the weights of "bicubic" from a table of 1024 entries.
    np.testing.assert_allclose(found, expected, atol=0.3 if method == "bicubic" else 0.02)


@pytest.mark.parametrize("size", [(181, 180), (90, 121), (30, 300), (500, 640), (361, 12), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_opencv_resizes_to_the_same_pixels(size, channels, monkeypatch):
    pytest.importorskip("cv2")
    for shape in ((361, 242), (5, 700), (1, 1)):
        pixels = RANDOM.integers(0, 256, (*shape, channels), dtype="uint8")
        found = resize(pixels, size, "bilinear")
        with monkeypatch.context() as patch:
            patch.setattr(resampling, "found", lambda module: None)
            expected = resize(pixels, size, "bilinear")
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def image_folder(root, images):
    for name, image in images.items():
        path = root / "class" / name
        path.parent.mkdir(exist_ok=True)
        image.save(path)


def photograph(height=40, width=60, mode="RGB"):
    coarse = Image.fromarray(RANDOM.integers(0, 256, (5, 6, len(mode)), dtype="uint8"), mode if len(mode) > 1 else None)
    return coarse.resize((width, height))


IMAGES = {
    "rgb.png": photograph(),
    "tall.png": photograph(70, 31),
    "grey.png": photograph().convert("L"),
    "alpha.png": photograph(mode="RGBA"),
    "palette.png": photograph().convert("P"),
    "bits.png": photograph().convert("1"),
    "grey16.png": Image.fromarray((RANDOM.random((20, 30)) * 65535).astype("uint16")),
    "image.bmp": photograph(),
    "image.gif": photograph().convert("P"),
}


@pytest.mark.parametrize(
    "options",
    [
        *(
            {},
            {"interpolation": "nearest"},
            {"interpolation": "AREA"},
            {"crop_to_aspect_ratio": True},
            {"image_size": 32},
        ),
        *({"pad_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "image_size": (20, 50)}),
        *(
            {"crop_to_aspect_ratio": True, "image_size": (70, 20)},
            {"data_format": "channels_first"},
            {"format": "grain"},
        ),
    ],
    ids=str,
)
def test_the_same_images_as_keras_live(tmp_path, options, resizer):
    theirs = pytest.importorskip("keras").utils.image_dataset_from_directory
    pytest.importorskip("tensorflow")
    image_folder(tmp_path, IMAGES)
    options = {"image_size": (48, 64), "shuffle": False, "verbose": False, **options}
    found, expected = (
        utils.image_dataset_from_directory(tmp_path, **options),
        theirs(str(tmp_path), **{**options, "format": "tf"}),
    )
    assert found.element_spec[0].shape == tuple(expected.element_spec[0].shape)
    for (x, y), (their_x, their_y) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(y, their_y.numpy())
        assert x.dtype == their_x.numpy().dtype
        np.testing.assert_allclose(x, their_x.numpy(), atol=0.02)


@pytest.mark.parametrize("color_mode, channels", [("rgba", 4), ("grayscale", 1)])
def test_other_channels_live(tmp_path, color_mode, channels):
    """TensorFlow cuts grey values off where Pillow rounds them, and makes images of one bit transparent."""
    theirs = pytest.importorskip("keras").utils.image_dataset_from_directory
    pytest.importorskip("tensorflow")
    image_folder(tmp_path, {name: image for name, image in IMAGES.items() if name[-3:] == "png" and name[:4] != "bits"})
    options = {"image_size": (40, 60), "shuffle": False, "verbose": False, "color_mode": color_mode}
    for (x, _), (their_x, _) in zip(
        utils.image_dataset_from_directory(tmp_path, **options), theirs(str(tmp_path), **options)
    ):
        assert x.shape[-1] == channels
        np.testing.assert_allclose(x, their_x.numpy(), atol=0.02 if channels == 4 else 1.02)


@pytest.fixture(params=["simplejpeg", "pillow"])
def jpeg_decoder(request, monkeypatch):
    """What JPEGs are decoded with, and the transform of TensorFlow that gives the same."""
    if request.param == "pillow":
        monkeypatch.setattr(decoding, "found", lambda module: None)
        return "INTEGER_ACCURATE"
    pytest.importorskip("simplejpeg")
    return ""  # TensorFlow's default, as in Keras


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpegs_are_decoded_as_by_tensorflow_live(tmp_path, mode, jpeg_decoder):
    tf = pytest.importorskip("tensorflow")
    image_folder(tmp_path, {"a.jpg": photograph().convert(mode)})
    raw = (tmp_path / "class" / "a.jpg").read_bytes()
    for color_mode, channels in (("rgb", 3), ("grayscale", 1)):
        expected = tf.io.decode_jpeg(raw, channels=channels, dct_method=jpeg_decoder).numpy()
        data = utils.image_dataset_from_directory(tmp_path, color_mode=color_mode, image_size=(40, 60), verbose=False)
        np.testing.assert_array_equal(next(iter(data))[0][0], expected)


def test_both_decoders_of_jpegs_agree(tmp_path, monkeypatch):
    pytest.importorskip("simplejpeg")
    images = {"a.jpg": photograph(), "grey.jpg": photograph().convert("L"), "cmyk.jpg": photograph().convert("CMYK")}
    image_folder(tmp_path, images)
    for name in images:
        for mode in ("RGB", "L", "RGBA"):
            path = str(tmp_path / "class" / name)
            found = decoding.decode(path, mode).astype(int)
            with monkeypatch.context() as patch:
                patch.setattr(decoding, "found", lambda module: None)
                other = decoding.decode(path, mode).astype(int)
            assert found.shape == other.shape and abs(found - other).max() <= 4


def test_images_do_not_share_memory(tmp_path, jpeg_decoder):
    """Decoding and resizing use memory of the thread again; the element must not."""
    image_folder(tmp_path, {f"{number}.jpg": photograph(20 + number, 30) for number in range(12)})
    for interpolation in ("bilinear", "nearest", "area"):
        for size in ((20, 30), (8, 8)):
            options = {"image_size": size, "interpolation": interpolation, "batch_size": None, "verbose": False}
            kept = [x for x, _ in utils.image_dataset_from_directory(tmp_path, shuffle=False, **options)]
            again = [x.copy() for x, _ in utils.image_dataset_from_directory(tmp_path, shuffle=False, **options)]
            np.testing.assert_array_equal(kept, again)


@pytest.mark.parametrize("size", [0, 3, 30, 300, -20])
def test_damaged_jpegs_are_named(tmp_path, size, jpeg_decoder):
    image_folder(tmp_path, {"a.jpg": photograph(100, 100)})
    path = tmp_path / "class" / "a.jpg"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"a.jpg cannot be read as an image: .*Remove it"):
        list(utils.image_dataset_from_directory(tmp_path, verbose=False))


def test_images_of_too_many_pixels_are_refused(tmp_path, monkeypatch, jpeg_decoder):
    image_folder(tmp_path, {"a.jpg": photograph(100, 100)})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    with pytest.raises(ValueError, match=r"a.jpg cannot be read as an image"):
        list(utils.image_dataset_from_directory(tmp_path, verbose=False))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", "cut"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    image_folder(tmp_path, {"a.png": photograph(), "b.png": photograph()})
    path = tmp_path / "class" / "b.png"
    path.write_bytes(path.read_bytes()[:200] if content == "cut" else content)
    with pytest.raises(ValueError, match=r"b.png cannot be read as an image: .*Remove it"):
        list(utils.image_dataset_from_directory(tmp_path, verbose=False))


def test_wrong_options_of_images(tmp_path):
    image_folder(tmp_path, {"a.png": photograph()})
    for options, message in (
        ({"color_mode": "hsv"}, "color_mode must be"),
        ({"interpolation": "cubic"}, "interpolation must be"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude each other"),
        ({"image_size": (3,)}, "image_size must be"),
        ({"image_size": (3, 0)}, "image_size must be"),
        ({"format": "numpy"}, "format must be"),
        ({"data_format": "first"}, "data_format must be"),
    ):
        with pytest.raises(ValueError, match=message):
            utils.image_dataset_from_directory(tmp_path, **options)


@pytest.mark.slow
def test_a_fit_from_a_folder_takes_the_images_in_the_order_of_a_pass(tmp_path):
    for number in range(12):
        image_folder(tmp_path, {f"{number}.png": photograph(16, 16)})
        os.renames(tmp_path / "class" / f"{number}.png", tmp_path / "data" / f"c{number % 2}" / f"{number}.png")
    options = {"image_size": (16, 16), "seed": 4, "batch_size": 5, "verbose": False}

    def model():
        minidl.utils.set_random_seed(1)
        made = minidl.Sequential([minidl.layers.Rescaling(1 / 255), minidl.layers.Flatten(), minidl.layers.Dense(2)])
        made.compile("sgd", minidl.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return made

    fitted, stepped = model(), model()
    fitted.fit(utils.image_dataset_from_directory(tmp_path / "data", **options), epochs=2, verbose=0)
    data = utils.image_dataset_from_directory(tmp_path / "data", **options)
    for _ in range(2):
        for x, y in data:
            stepped.train_on_batch(x, y)
    np.testing.assert_allclose(fitted.get_weights()[0], stepped.get_weights()[0], rtol=1e-5, atol=1e-6)


# Texts and sounds


def test_text_is_cut_after_characters_and_other_encodings_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("ééé und weiter", encoding="utf-8")
    data = utils.text_dataset_from_directory(tmp_path, max_length=5, verbose=False)
    assert next(iter(data))[0].tolist() == ["ééé u"]
    (tmp_path / "a" / "2.txt").write_text("é", encoding="latin-1")
    with pytest.raises(ValueError, match=r"2.txt is not UTF-8"):
        list(utils.text_dataset_from_directory(tmp_path, verbose=False))


def wav(path, samples, width=2, rate=8000):
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


@pytest.mark.parametrize("length", [None, 7, 30])
def test_lengths_of_sounds_are_those_of_keras_live(tmp_path, length):
    theirs = pytest.importorskip("keras").utils.audio_dataset_from_directory
    pytest.importorskip("tensorflow")
    for number in range(5):
        wav(tmp_path / "a" / f"{number}.wav", RANDOM.integers(-9999, 9999, (9 + 3 * number, 2)).astype("<i2"))
    options = {"shuffle": False, "verbose": False, "batch_size": 2, "output_sequence_length": length}
    for (x, _), (their_x, _) in zip(
        utils.audio_dataset_from_directory(tmp_path, **options), theirs(str(tmp_path), **options)
    ):
        np.testing.assert_array_equal(x, their_x.numpy())


@pytest.mark.parametrize("width, dtype, low, high", [(1, "u1", 0, 255), (4, "<i4", -(2**31), 2**31 - 1)])
def test_sounds_of_8_and_32_bits_go_from_minus_one_to_one(tmp_path, width, dtype, low, high):
    wav(tmp_path / "a" / "1.wav", np.array([[low], [(low + high + 1) // 2], [high]], dtype), width)
    (sound, _), *_ = utils.audio_dataset_from_directory(tmp_path, verbose=False)
    np.testing.assert_allclose(sound[0, :, 0], [-1, 0, 1], atol=0.01)


def test_sounds_are_resampled(tmp_path):
    pytest.importorskip("scipy")
    times = np.arange(800) / 8000
    wav(tmp_path / "a" / "1.wav", (np.sin(2 * np.pi * 100 * times) * 2**14).astype("<i2")[:, None])
    (sound, _), *_ = utils.audio_dataset_from_directory(tmp_path, sampling_rate=16000, verbose=False)
    assert sound.shape == (1, 1600, 1)
    np.testing.assert_allclose(
        sound[0, 100:-100, 0], np.sin(np.arange(100, 1500) / 16000 * 2 * np.pi * 100) / 2, atol=0.01
    )


def test_wrong_sounds(tmp_path):
    wav(tmp_path / "a" / "1.wav", np.zeros((4, 3), "u1"), 3)
    with pytest.raises(ValueError, match="24 bits"):
        list(utils.audio_dataset_from_directory(tmp_path, verbose=False))
    (tmp_path / "a" / "1.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="not a WAV file"):
        list(utils.audio_dataset_from_directory(tmp_path, verbose=False))
    for options, message in (({"ragged": True}, "no ragged"), ({"sampling_rate": 0.5}, "sampling_rate must be")):
        with pytest.raises(ValueError, match=message):
            utils.audio_dataset_from_directory(tmp_path, **options)


# Single images


COLORS = ("rgb", "rgba", "grayscale")


@pytest.mark.parametrize("color_mode", COLORS)
@pytest.mark.parametrize("name", IMAGES)
def test_loading_one_image_as_keras_live(tmp_path, name, color_mode):
    theirs = pytest.importorskip("keras").utils
    image_folder(tmp_path, IMAGES)
    path = tmp_path / "class" / name
    for options in (
        *({}, {"target_size": (11, 23)}, {"target_size": (11, 23), "interpolation": "lanczos"}),
        {"target_size": (30, 20), "keep_aspect_ratio": True, "interpolation": "bilinear"},
    ):
        found, expected = (one.load_img(path, color_mode, **options) for one in (utils, theirs))
        assert (found.mode, found.size) == (expected.mode, expected.size)
        for array_options in ({}, {"data_format": "channels_first", "dtype": "uint8"}):
            arrays = [one.img_to_array(found, **array_options) for one in (utils, theirs)]
            assert (arrays[0].dtype, arrays[0].shape) == (arrays[1].dtype, arrays[1].shape)
            np.testing.assert_array_equal(*arrays)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_saving_one_image_as_keras_live(tmp_path, channels, data_format, scale):
    theirs = pytest.importorskip("keras").utils
    shape = (6, 8, channels) if data_format == "channels_last" else (channels, 6, 8)
    for pixels in (RANDOM.random(shape) * 300, RANDOM.random(shape) * 100, np.full(shape, 7)):
        if not scale and channels > 1:
            pixels = pixels % 256  # others wrap
        found, expected = (one.array_to_img(pixels, data_format, scale) for one in (utils, theirs))
        assert found.mode == expected.mode
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        for name in ("a.tiff",) if found.mode == "I" else ("a.png",) if channels == 4 else ("a.png", "a.jpg"):
            files = [tmp_path / f"{i}{name}" for i in range(2)]
            for file, one in zip(files, (utils, theirs)):
                one.save_img(file, pixels, data_format, scale=scale)
            assert files[0].read_bytes() == files[1].read_bytes()


def test_images_in_memory_and_what_is_refused(tmp_path):
    file = io.BytesIO()
    utils.save_img(file, np.zeros((3, 4, 3)), file_format="JPG", quality=50)
    assert utils.load_img(file).size == (4, 3)
    with pytest.warns(UserWarning, match="no transparency"):
        utils.save_img(tmp_path / "a.jpg", np.zeros((3, 4, 4)))
    assert utils.load_img(str(tmp_path / "a.jpg")).mode == "RGB"
    for wrong, error, message in (
        (lambda: utils.load_img(file, "hsv"), ValueError, "color_mode"),
        (lambda: utils.load_img(file, interpolation="cubic"), ValueError, "interpolation"),
        (lambda: utils.load_img(3), TypeError, "path"),
        (lambda: utils.array_to_img(np.zeros((3, 4))), ValueError, "1, 3 or 4 channels"),
        (lambda: utils.array_to_img(np.zeros((3, 4, 2))), ValueError, "1, 3 or 4 channels"),
        (lambda: utils.img_to_array(np.zeros(3)), ValueError, "2 or 3 axes"),
        (lambda: utils.img_to_array(np.zeros((3, 3)), "first"), ValueError, "data_format"),
    ):
        with pytest.raises(error, match=message):
            wrong()


# Time series

SERIES = RANDOM.normal(size=(57, 3))
TARGETS = np.arange(57) * 10
WINDOWS = [
    {},
    {"sequence_stride": 3},
    {"sampling_rate": 2},
    {"sequence_stride": 4, "sampling_rate": 3, "batch_size": 5},
    {"batch_size": None},
    {"start_index": 7},
    {"end_index": 40},
    {"start_index": 5, "end_index": 40, "sampling_rate": 2},
    {"sequence_length": 1},
]


@pytest.mark.parametrize("targets", [None, TARGETS, TARGETS[:30]], ids=["none", "all", "few"])
@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_the_same_windows_as_keras_live(options, targets):
    theirs = pytest.importorskip("keras").utils.timeseries_dataset_from_array
    pytest.importorskip("tensorflow")
    options = {"sequence_length": 6, "batch_size": 8, **options}
    if targets is not None and len(targets) == 30 and "start_index" in options:
        pytest.skip("Keras reads past the targets")
    ours, keras = (one(SERIES, targets, **options) for one in (utils.timeseries_dataset_from_array, theirs))
    for one, other in zip(ours, keras, strict=True):
        for array, expected in zip(leaves(one), leaves(other), strict=True):
            assert (array.shape, array.dtype) == (expected.shape, expected.numpy().dtype)
            np.testing.assert_array_equal(array, expected.numpy())


def test_shuffled_windows_keep_their_targets_and_targets_may_be_few():
    data = utils.timeseries_dataset_from_array(SERIES, TARGETS, 6, shuffle=True, seed=3, batch_size=7)
    passes = []
    for _ in range(2):
        rows = [(x, int(y)) for windows, labels in data for x, y in zip(windows, labels)]
        for window, label in rows:
            np.testing.assert_array_equal(window, SERIES[label // 10 : label // 10 + 6])
        passes.append([label for _, label in rows])
    assert sorted(passes[0]) == sorted(passes[1]) == (np.arange(52) * 10).tolist() and passes[0] != passes[1]
    few = utils.timeseries_dataset_from_array(SERIES, TARGETS[:30], 6, start_index=10)
    assert [labels.tolist() for _, labels in few] == [TARGETS[10:30].tolist()]


def test_windows_of_frames_and_maps(tmp_path):
    pandas = pytest.importorskip("pandas")
    expected = next(iter(utils.timeseries_dataset_from_array(SERIES, TARGETS, 6)))
    np.save(tmp_path / "a.npy", SERIES)
    for data in (pandas.DataFrame(SERIES), np.load(tmp_path / "a.npy", mmap_mode="r"), SERIES.tolist()):
        windows, labels = next(iter(utils.timeseries_dataset_from_array(data, pandas.Series(TARGETS), 6)))
        np.testing.assert_allclose(windows, expected[0], rtol=1e-6)
        np.testing.assert_array_equal(labels, expected[1])


@pytest.mark.parametrize(
    "options",
    [
        *({"start_index": -1}, {"start_index": 57}, {"end_index": 58}, {"start_index": 9, "end_index": 9}),
        *({"sampling_rate": 0}, {"sequence_stride": 0}, {"sequence_length": 0}, {"sequence_length": 58}),
        *({"sequence_length": 30, "sampling_rate": 2}, {"format": "numpy"}),
    ],
    ids=str,
)
def test_wrong_windows(options):
    with pytest.raises(ValueError, match="timeseries_dataset_from_array"):
        utils.timeseries_dataset_from_array(SERIES, TARGETS, **{"sequence_length": 6, **options})
