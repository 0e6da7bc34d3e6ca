"""HDF5 files as Keras writes them: written with h5py, read without it.

The C library of h5py crashes or hangs on some damaged files, and follows any links and filters in a file. This reader
supports only what Keras's files contain: groups, contiguous arrays of numbers, and string attributes. It checks that
every address lies within the file, visits every object once, and allocates memory only for strings and arrays, which
are contiguous in the file and may not overlap.

The format: "HDF5 File Format Specification Version 3.0", The HDF Group; its section names are cited below.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any

import ml_dtypes
import numpy as np

from minidl.core import deferred
from minidl.saving.checksum import Contents
from minidl.saving.errors import LoadError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 0xFFFFFFFFFFFFFFFF
_MAX_OBJECTS = 1_000_000  # groups and arrays
_MAX_DEPTH = 64  # groups in groups
_MAX_NAME_SIZE = 1024
_MAX_STRING_SIZE = 64 * 2**20


@dataclasses.dataclass
class Declared:
    """The shape, the dtype and the position of an array, as a file declares them."""

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int
    stop: int


class H5Reader:
    """The arrays of an HDF5 file, all read by the constructor; they take no more memory than the file has bytes.

    Args:
        contents: the contents of the file, not needed afterwards.

    Attributes:
        size: the number of bytes of the file.
        arrays: path, such as "layers/dense/vars/0" -> `Declared`.
        attributes: path of a group, "" for the root -> its attributes: name -> a string, a list of strings, or None
            for any other type.
        names: path of a group -> its attribute "name".

    Raises:
        LoadError: the file is damaged, or has features that Keras's files do not use: links, external or virtual
            storage, chunks, filters, references, compound types.

    Example:
    >>> from minidl.saving.checksum import in_memory
    >>> file = io.BytesIO()
    >>> write_hdf5(file, {"dense/vars": {"0": np.arange(3.0)}}, {"dense/vars": "dense"})
    >>> reader = H5Reader(in_memory(file.getvalue()))
    >>> reader.read("dense/vars/0"), reader.names
    (array([0., 1., 2.]), {'dense/vars': 'dense'})
    """

    def __init__(self, contents: Contents):
        self.size = contents.size
        self.arrays: dict[str, Declared] = {}
        self.attributes: dict[str, dict[str, str | list[str] | None]] = {}
        self.names: dict[str, str] = {}
        self._contents = contents
        self._bytes_left = (
            2 * self.size
        )  # bytes of messages and strings that may still be read; in valid files, none overlap
        self._visited: set[int] = set()
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}  # address -> index of a string -> its start and size
        self._visit(self._root(), "", 0)
        self._values = self._read_arrays()
        del self._contents

    def read(self, path: str) -> np.ndarray:
        """The array at a path, which is read-only."""
        return self._values[path]

    def _read_arrays(self) -> dict[str, np.ndarray]:
        arrays = sorted(self.arrays.items(), key=lambda item: (item[1].start, item[1].stop))
        if any(after.start < before.stop for (_, before), (_, after) in itertools.pairwise(arrays)):
            raise LoadError("it is damaged: its arrays overlap")
        parts = self._contents.parts([(array.start, array.stop) for _, array in arrays])
        values = {}
        for (path, array), part in zip(arrays, parts):
            part.flags.writeable = False
            values[path] = part.view(array.dtype).reshape(array.shape)
        return values

    # The structure

    def _root(self) -> int:
        """The address of the root group ("The Superblock")."""
        if self._bytes(0, 8) != _SIGNATURE:
            raise LoadError("it is not an HDF5 file")
        version, sizes = self._bytes(8, 1)[0], self._bytes(13, 2)
        if version > 1:
            raise LoadError(
                f"its HDF5 superblock has version {version}, expected version 0, which h5py writes for Keras"
            )
        if sizes != b"\x08\x08":
            raise LoadError("its HDF5 addresses do not have 8 bytes")
        start = 24 + 4 * version
        base, _, end, _, _, root = struct.unpack("<6Q", self._bytes(start, 48))
        if base != 0 or end > self.size:
            raise LoadError(f"it is truncated: expected {end} bytes, got {self.size}")
        return root

    def _visit(self, address: int, path: str, depth: int) -> None:
        """Read the object at an address, a group or an array, recursively."""
        if address in self._visited or len(self._visited) > _MAX_OBJECTS or depth > _MAX_DEPTH:
            raise LoadError(f"its HDF5 groups are cyclic, too many or nested too deeply, at {path[:200]!r}")
        self._visited.add(address)
        messages = list(self._messages(address))
        kinds = {kind for kind, _, _ in messages}
        for refused, what in _REFUSED.items():
            if refused in kinds:
                raise LoadError(f"{path!r} has {what}, which Keras's files do not have")
        attributes = dict(self._attribute(start, length) for kind, start, length in messages if kind == _ATTRIBUTE)
        if _SYMBOL_TABLE in kinds:
            start = next(start for kind, start, _ in messages if kind == _SYMBOL_TABLE)
            tree, heap = struct.unpack("<QQ", self._bytes(start, 16))
            self.attributes[path] = attributes
            if isinstance(name := attributes.get("name"), str):
                self.names[path] = name
            for name, child in self._entries(tree, self._heap(heap)):
                self._visit(child, f"{path}/{name}" if path else name, depth + 1)
        elif {_DATASPACE, _DATATYPE, _LAYOUT} <= kinds:
            self.arrays[path] = self._array({kind: start for kind, start, _ in messages}, attributes, path)
        else:
            raise LoadError(f"{path!r} is neither a group nor an array of the kind that Keras writes")

    def _messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Kind, start and length of each message ("Version 1 Data Object Header Prefix")."""
        version, _, count, _, size = struct.unpack("<BBHII", self._bytes(address, 12))
        if version != 1:
            raise LoadError("its HDF5 object headers do not have version 1, which h5py writes for Keras")
        blocks, seen = [(address + 16, size)], 0
        while blocks and seen < count:
            start, left = blocks.pop(0)
            self._check_inside(start, left)
            while left >= 8 and seen < count:
                kind, length, flags = struct.unpack("<HHB", self._bytes(start, 5))
                start, left, seen = start + 8, left - 8 - length, seen + 1
                if left < 0 or flags & 2:
                    raise LoadError("a message of an HDF5 object header is too long, or shared")
                self._count_bytes(8 + length)
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack("<QQ", self._bytes(start, 16)))
                yield kind, start, length
                start += length

    def _heap(self, address: int) -> bytes:
        """The names of a group ("Local Heap")."""
        magic, size, _, data = struct.unpack("<8sQQQ", self._bytes(address, 32))
        if magic[:5] != b"HEAP\0":
            raise LoadError("the names of an HDF5 group are damaged")
        self._count_bytes(size)
        return self._bytes(data, size)

    def _entries(self, address: int, heap: bytes) -> Iterator[tuple[str, int]]:
        """Names and addresses in a group ("Version 1 B-trees", "Group Symbol Table Nodes")."""
        waiting = [address]
        while waiting:
            address = waiting.pop()
            if address in self._visited or len(self._visited) > _MAX_OBJECTS:
                raise LoadError("the tree of an HDF5 group is cyclic")
            self._visited.add(address)
            magic, version, used = struct.unpack("<4sHH", self._bytes(address, 8))
            if magic == b"TREE" and version & 0xFF == 0:
                children = struct.unpack(f"<{2 * used}Q", self._bytes(address + 24, 16 * used))
                waiting += children[1::2][::-1]
            elif magic == b"SNOD":
                for index in range(used):
                    offset, header, cached = struct.unpack("<QQI", self._bytes(address + 8 + 40 * index, 20))
                    name = heap[offset : offset + _MAX_NAME_SIZE].partition(b"\0")[0].decode()
                    if cached == 2:
                        raise LoadError(f"{name!r} is a link (h5py's SoftLink), which Keras's files do not have")
                    if not name or "/" in name or name in (".", ".."):
                        raise LoadError(f"{name!r} is not a valid name of an HDF5 object")
                    yield name, header
            else:
                raise LoadError("the tree of an HDF5 group is damaged")

    # Arrays and attributes

    def _array(self, at: Mapping[int, int], attributes: dict[str, Any], path: str) -> Declared:
        shape = self._shape(at[_DATASPACE])
        dtype = self._dtype(at[_DATATYPE])
        if attributes.get("dtype") == "bfloat16" and dtype.itemsize == 2:
            dtype = np.dtype(ml_dtypes.bfloat16)
        if dtype.kind == "V" and dtype != ml_dtypes.bfloat16:
            raise LoadError(f"{path!r} is not an array of numbers")
        size = dtype.itemsize
        for length in shape:
            size *= length
        version, storage = self._bytes(at[_LAYOUT], 2)
        if version != 3 or storage > 1:
            raise LoadError(f"{path!r} has chunked or virtual storage, expected contiguous storage as in Keras's files")
        if storage == 0:
            (stored,) = struct.unpack("<H", self._bytes(at[_LAYOUT] + 2, 2))
            start = at[_LAYOUT] + 4
        else:
            start, stored = struct.unpack("<QQ", self._bytes(at[_LAYOUT] + 2, 16))
        if size == 0:
            return Declared(shape, dtype, 0, 0)
        if stored != size or start == _UNDEFINED:
            raise LoadError(f"{path!r}: expected {size} bytes for {dtype}{shape}, got {stored}")
        self._check_inside(start, size)
        return Declared(shape, dtype, start, start + size)

    def _shape(self, start: int) -> tuple[int, ...]:
        """The sizes of an array ("The Dataspace Message")."""
        version, rank, _, kind = self._bytes(start, 4)
        if version not in (1, 2) or rank > 32 or (version == 2 and kind == 2):
            raise LoadError("the shape of an array is damaged")
        return struct.unpack(f"<{rank}Q", self._bytes(start + (8 if version == 1 else 4), 8 * rank))

    def _dtype(self, start: int) -> np.dtype:
        """Integers, floats, booleans (enumerations of bytes) and opaque bytes ("The Datatype Message")."""
        kind, bits, _, _, size = struct.unpack("<BBBBI", self._bytes(start, 8))
        order, version, kind = "<>"[bits & 1], kind >> 4, kind & 15
        if version not in (1, 2, 3):
            raise LoadError("the dtype of an array is damaged")
        if kind == 0 and size in (1, 2, 4, 8):
            return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
        if kind == 1 and size in (2, 4, 8):
            exponent = self._bytes(start + 13, 1)[0]
            if exponent == {2: 5, 4: 8, 8: 11}[size]:
                return np.dtype(f"{order}f{size}")
            if (size, exponent) == (2, 8):
                return np.dtype(ml_dtypes.bfloat16)
        if kind == 8 and size == 1:
            return np.dtype(bool)
        if kind == 5 and 0 < size <= 2:
            return np.dtype(f"V{size}")
        raise LoadError("an array has elements that are not numbers")

    def _attribute(self, start: int, length: int) -> tuple[str, str | list[str] | None]:
        """The name and the string or strings of an attribute ("The Attribute Message")."""
        version, flags, name_size, type_size, space_size = struct.unpack("<BBHHH", self._bytes(start, 8))
        if version not in (1, 3) or flags:
            raise LoadError("an attribute is damaged, or shared")
        sizes = [name_size, type_size, space_size]
        padded = [-(-size // 8) * 8 for size in sizes] if version == 1 else sizes
        at = start + (8 if version == 1 else 9)
        name = self._bytes(at, name_size).partition(b"\0")[0].decode()
        type_at, space_at, data = at + padded[0], at + sum(padded[:2]), at + sum(padded)
        return name, self._strings(type_at, self._shape(space_at), data, start + length)

    def _strings(self, type_at: int, shape: tuple[int, ...], start: int, end: int) -> str | list[str] | None:
        """A string or a list of strings, of fixed or variable length; an empty array of any type is an empty list."""
        kind, bits, _, _, size = struct.unpack("<BBBBI", self._bytes(type_at, 8))
        is_fixed, is_variable = kind & 15 == 3, kind & 15 == 9 and bits & 15 == 1
        if shape == (0,):
            return []
        if len(shape) > 1 or not (is_fixed or is_variable):
            return None
        size = size if is_fixed else 16
        count = shape[0] if shape else 1
        if size == 0 or start + count * size > end:
            raise LoadError("an attribute is longer than its message")
        read = self._fixed_string if is_fixed else self._variable_string
        texts = [read(at, size) for at in range(start, start + count * size, size)]
        return texts if shape else texts[0]

    def _fixed_string(self, start: int, size: int) -> str:
        self._count_bytes(size)
        return self._bytes(start, size).partition(b"\0")[0].decode()

    def _variable_string(self, start: int, size: int) -> str:
        """A string stored elsewhere in the file ("Global Heap")."""
        length, heap, number = struct.unpack("<IQI", self._bytes(start, size))
        if length == 0:
            return ""
        if heap not in self._heaps:
            self._heaps[heap] = self._collection(heap)
        at, stored = self._heaps[heap].get(number, (0, 0))
        if stored < length:
            raise LoadError("a string of an HDF5 file is missing, or truncated")
        if length > _MAX_STRING_SIZE:
            raise LoadError(f"a string of {length} bytes is too long")
        self._count_bytes(length)
        return self._bytes(at, length).decode()

    def _collection(self, heap: int) -> dict[int, tuple[int, int]]:
        """The positions of the strings in a global heap: index -> start, size."""
        magic, size = struct.unpack("<8sQ", self._bytes(heap, 16))
        if magic[:5] != b"GCOL\1":
            raise LoadError("the strings of an HDF5 file are damaged")
        self._check_inside(heap, size)
        self._count_bytes(size)
        found = {}
        at, end = heap + 16, heap + size
        while at + 16 <= end:
            number, _, _, size = struct.unpack("<HHIQ", self._bytes(at, 16))
            if number == 0:  # free space
                break
            found[number] = at + 16, size
            at += 16 + -(-size // 8) * 8
        return found

    def _count_bytes(self, size: int) -> None:
        """Count the bytes that are read; in a valid file, no byte is read twice."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise LoadError("it is damaged: parts of it overlap")

    def _bytes(self, start: int, length: int) -> bytes:
        """A part of the file, checked to lie within it."""
        self._check_inside(start, length)
        return self._contents.read(start, length)

    def _check_inside(self, start: int, length: int) -> None:
        if start + length > self.size:
            raise LoadError("it is damaged: an HDF5 address is outside of the file")


_DATASPACE, _DATATYPE, _LAYOUT, _ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE = 0x01, 0x03, 0x08, 0x0C, 0x10, 0x11
_REFUSED = {
    0x06: "a link (h5py's SoftLink or ExternalLink, or a link of the new format)",
    0x02: "links of the new format",
    0x07: "external storage",
    0x0B: "filters (compression)",
    0x0F: "shared messages",
    0x15: "attributes of the new format",
}


def write_hdf5(
    file: IO[bytes], groups: Mapping[str, Mapping[str, np.ndarray]], names: Mapping[str, str] | None = None
) -> None:
    """Write arrays as Keras does.

    Args:
        file: a binary file, open for writing and reading.
        groups: path of a group, such as "layers/dense/vars" -> key -> array.
        names: path of a group -> its attribute "name".
    """
    with deferred.h5py.File(file, "w") as h5:
        for path, arrays in groups.items():
            group = h5.require_group(path)
            if names and path in names:
                group.attrs["name"] = names[path]
            for key, array in arrays.items():
                dataset = group.create_dataset(key, data=array)
                if array.dtype == ml_dtypes.bfloat16:
                    dataset.attrs["dtype"] = "bfloat16"


def to_bytes(groups: Mapping[str, Mapping[str, np.ndarray]], names: Mapping[str, str]) -> memoryview:
    """The bytes of the file that `write_hdf5` would write."""
    file = io.BytesIO()
    write_hdf5(file, groups, names)
    return file.getbuffer()
