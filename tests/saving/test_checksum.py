"""Files whose arrays are read directly into memory of their own, and compared with a checksum meanwhile."""

import io
import struct
import zlib

import numpy as np
import pytest

from minidl.saving import LoadError
from minidl.saving.checksum import Contents, in_memory
from minidl.saving.hdf5 import H5Reader, to_bytes

DATA = np.random.default_rng(0).bytes(5_000_001)  # several steps, and a rest
SPANS = [(3, 40), (40, 40), (1_000_000, 4_500_001)]


def test_the_parts_are_those_of_the_file_at_its_place_in_another():
    for checksum in (None, zlib.crc32(DATA)):
        parts = Contents(io.BytesIO(b"before" + DATA + b"after"), 6, len(DATA), checksum).parts(SPANS)
        assert [part.tobytes() for part in parts] == [DATA[start:stop] for start, stop in SPANS]
        assert all(part.ctypes.data % 64 == 0 for part in parts if part.size)


@pytest.mark.parametrize("at", [0, 3, 999_999, 1_000_000, 4_500_000, 4_500_001, 5_000_000])
def test_a_change_inside_or_outside_of_the_parts_is_found(at):
    changed = bytearray(DATA)
    changed[at] ^= 1
    with pytest.raises(LoadError, match="checksum"):
        Contents(io.BytesIO(changed), 0, len(DATA), zlib.crc32(DATA)).parts(SPANS)


@pytest.mark.parametrize("checksum", [None, 1])
def test_a_file_that_becomes_shorter_is_refused(checksum):
    with pytest.raises(LoadError, match="truncated"):
        Contents(io.BytesIO(DATA[:2_000_000]), 0, len(DATA), checksum).parts(SPANS)


def test_arrays_that_lie_over_one_another_are_refused():
    data = bytes(to_bytes({"vars": {"0": np.arange(100.0), "1": np.arange(100.0) + 1}}, {}))
    arrays = H5Reader(in_memory(data)).arrays
    first, second = (struct.pack("<QQ", arrays[f"vars/{i}"].start, 800) for i in range(2))
    assert data.count(second) == 1
    with pytest.raises(LoadError, match="overlap"):
        H5Reader(in_memory(data.replace(second, first)))
