"""Hashes of strings that are the same everywhere, as TensorFlow computes them.

`fingerprint` is Fingerprint64 of FarmHash (Pike and Alakuijala, https://github.com/google/farmhash), `siphash` is
SipHash-2-4 (Aumasson and Bernstein, 2012, https://www.aumasson.jp/siphash/siphash.pdf). Both are computed for many
strings at once: all bytes stand in one buffer, and words of 64 bits are read from it at the offsets of the strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_U = np.uint64
_K0, _K1, _K2 = _U(0xC3A5C85C97CB3127), _U(0xB492B66FBE98F273), _U(0x9AE16A3B2F90404F)
_CROSS = _U(0xC6A4A7935BD1E995)
_CROSS_KEY = _U(0xDECAFCAFFE)  # where a cross of features begins


def buckets(values: np.ndarray, count: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """The bucket of each string: its hash modulo the number of buckets.

    Args:
        values: `bytes` objects, (...).
        count: the number of buckets.
        salt: two integers, the key of SipHash; None for Fingerprint64.

    Returns:
        int64 (...), as `tf.strings.to_hash_bucket_strong` and `to_hash_bucket_fast` give.

    >>> buckets(np.array([b"a", b"b"], object), 10)
    array([9, 2])
    """
    numbers: dict[bytes, int] = {}
    places = [numbers.setdefault(value, len(numbers)) for value in values.ravel().tolist()]
    distinct = list(numbers)
    hashes = fingerprint(distinct) if salt is None else siphash(distinct, (salt[0], salt[1]))
    return (hashes % _U(count)).astype("int64")[np.array(places, int)].reshape(values.shape)


def crossed(columns: Sequence[np.ndarray], count: int) -> np.ndarray:
    """The bucket of each combination of features, as `tf.sparse.cross_hashed` computes it.

    Args:
        columns: arrays of one shape: `bytes` objects or integers.
        count: the number of buckets.
    """
    shape, total = columns[0].shape, np.full(columns[0].size, _CROSS_KEY)
    for column in map(np.ravel, columns):
        value = fingerprint(column.tolist()) if column.dtype == object else column.astype("int64").astype(_U)
        total = (total ^ _CROSS ^ (_shift_mix(value * _CROSS) * _CROSS)) * _CROSS
        total = _shift_mix(_shift_mix(total) * _CROSS)
    return (total % _U(count)).astype("int64").reshape(shape)


# FarmHash


class _Words:
    """Strings one after the other in a buffer, and 64-bit words at any offset of it."""

    def __init__(self, values: Sequence[bytes]):
        data = b"".join(values) + bytes(8)  # so that a word can be read at the last byte
        self.lengths = np.fromiter(map(len, values), np.int64, len(values))
        self.starts = np.cumsum(self.lengths) - self.lengths
        self._words = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))

    def at(self, offsets: np.ndarray) -> np.ndarray:
        """The words that begin at offsets."""
        return self._words[offsets].astype(_U)

    def low(self, offsets: np.ndarray, bits: int) -> np.ndarray:
        """The first bits of the words."""
        return self.at(offsets) & _U((1 << bits) - 1)


class _Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray


def fingerprint(values: Sequence[bytes]) -> np.ndarray:
    """Fingerprint64 of each string, as uint64.

    >>> [hex(value) for value in fingerprint([b"", b"Keras"]).tolist()]
    ['0x9ae16a3b2f90404f', '0xc0e044cb0584f5c5']
    """
    words, found = _Words(values), np.empty(len(values), _U)
    ranges = ((0, 0, _empty), (1, 3, _to_3), (4, 7, _to_7), (8, 16, _to_16), (17, 32, _to_32), (33, 64, _to_64))
    for low, high, function in ranges:
        rows = np.flatnonzero((low <= words.lengths) & (words.lengths <= high))
        if rows.size:
            found[rows] = function(words, words.starts[rows], words.lengths[rows])
    long = np.flatnonzero(words.lengths > 64)
    for length in np.unique(words.lengths[long]):  # equally long strings have as many blocks
        rows = long[words.lengths[long] == length]
        found[rows] = _longer(words, words.starts[rows], int(length))
    return found


def _rotate(x: np.ndarray, bits: int) -> np.ndarray:
    return (x >> _U(bits)) | (x << _U(64 - bits))


def _shift_mix(x: np.ndarray) -> np.ndarray:
    return x ^ (x >> _U(47))


def _mixed(u: np.ndarray, v: np.ndarray, mul: np.ndarray) -> np.ndarray:
    """HashLen16: 128 bits to 64."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def _empty(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    return np.full(len(start), _K2)


def _to_3(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    first, middle, last = (words.low(start + i, 8) for i in (0, length >> 1, length - 1))
    y, z = first + (middle << _U(8)), length.astype(_U) + (last << _U(2))
    return _shift_mix(y * _K2 ^ z * _K0) * _K2


def _to_7(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    size = length.astype(_U)
    return _mixed(size + (words.low(start, 32) << _U(3)), words.low(start + length - 4, 32), _K2 + size * _U(2))


def _to_16(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    mul = _K2 + length.astype(_U) * _U(2)
    a, b = words.at(start) + _K2, words.at(start + length - 8)
    return _mixed(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)


def _to_32(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    mul = _K2 + length.astype(_U) * _U(2)
    a, b = words.at(start) * _K1, words.at(start + 8)
    c, d = words.at(start + length - 8) * mul, words.at(start + length - 16) * _K2
    return _mixed(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, mul)


def _to_64(words: _Words, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    mul = _K2 + length.astype(_U) * _U(2)
    a, b = words.at(start) * _K2, words.at(start + 8)
    c, d = words.at(start + length - 8) * mul, words.at(start + length - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mixed(y, a + _rotate(b + _K2, 18) + c, mul)
    e, f = words.at(start + 16) * mul, words.at(start + 24)
    g, h = (y + words.at(start + length - 32)) * mul, (z + words.at(start + length - 24)) * mul
    return _mixed(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _longer(words: _Words, start: np.ndarray, length: int) -> np.ndarray:
    """Strings of one length over 64: blocks of 64 bytes change a state of seven words."""
    x = np.full(len(start), _U(81))
    y = x * _K1 + _U(113)
    z = _shift_mix(y * _K2 + _U(113)) * _K2
    v, w = _Pair(x * _U(0), x * _U(0)), _Pair(x * _U(0), x * _U(0))
    x = x * _K2 + words.at(start)
    blocks, rest = divmod(length - 1, 64)
    for block in range(blocks):
        x, y, z, v, w = _block(words, start + 64 * block, x, y, z, v, w, _K1, _U(1))
    mul = _K1 + ((z & _U(0xFF)) << _U(1))
    w = _Pair(w.first + _U(rest), w.second)
    v = _Pair(v.first + w.first, v.second)
    w = _Pair(w.first + v.first, w.second)
    x, y, z, v, w = _block(words, start + length - 64, x, y, z, v, w, mul, _U(9))
    first = _mixed(v.first, w.first, mul) + _shift_mix(y) * _K0 + z
    return _mixed(first, _mixed(v.second, w.second, mul) + x, mul)


def _block(
    words: _Words,
    at: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    v: _Pair,
    w: _Pair,
    mul: Any,
    weight: np.uint64,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, _Pair, _Pair]:
    x = _rotate(x + y + v.first + words.at(at + 8), 37) * mul
    y = _rotate(y + v.second + words.at(at + 48), 42) * mul
    x = x ^ (w.second * weight)
    y = y + v.first * weight + words.at(at + 40)
    z = _rotate(z + w.first, 33) * mul
    v = _seeded(words, at, v.second * mul, x + w.first)
    w = _seeded(words, at + 32, z + w.second, y + words.at(at + 16))
    return z, y, x, v, w


def _seeded(words: _Words, at: np.ndarray, a: np.ndarray, b: np.ndarray) -> _Pair:
    """WeakHashLen32WithSeeds: 32 bytes and two seeds to 128 bits."""
    first, second, third, last = (words.at(at + i) for i in (0, 8, 16, 24))
    a = a + first
    b = _rotate(b + a + last, 21)
    c = a
    a = a + second + third
    return _Pair(a + last, b + _rotate(a, 44) + c)


# SipHash


def siphash(values: Sequence[bytes], key: tuple[int, int]) -> np.ndarray:
    """SipHash-2-4 of each string, as uint64.

    Args:
        values: the strings.
        key: two integers of 64 bits.
    """
    padded = [value + bytes(7 - len(value) % 8) + bytes([len(value) % 256]) for value in values]
    words, found = _Words(padded), np.empty(len(values), _U)
    k0, k1 = (_U(part % 2**64) for part in key)
    for length in np.unique(words.lengths):
        rows = np.flatnonzero(words.lengths == length)
        state = [
            np.full(len(rows), part)
            for part in (
                k0 ^ _U(0x736F6D6570736575),
                k1 ^ _U(0x646F72616E646F6D),
                k0 ^ _U(0x6C7967656E657261),
                k1 ^ _U(0x7465646279746573),
            )
        ]
        for offset in range(0, int(length), 8):
            word = words.at(words.starts[rows] + offset)
            state[3] = state[3] ^ word
            state = _round(*_round(*state))
            state[0] = state[0] ^ word
        state[2] = state[2] ^ _U(0xFF)
        a, b, c, d = _round(*_round(*_round(*_round(*state))))
        found[rows] = a ^ b ^ c ^ d
    return found


def _round(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> list[np.ndarray]:
    a, c = a + b, c + d
    b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
    a, c = _left(a, 32) + d, c + b
    b, d = _left(b, 17) ^ c, _left(d, 21) ^ a
    return [a, b, _left(c, 32), d]


def _left(x: np.ndarray, bits: int) -> np.ndarray:
    return _rotate(x, 64 - bits)
