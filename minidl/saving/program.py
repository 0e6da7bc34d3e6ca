"""Exported programs as bytes, and the checks before JAX runs them.

The bytes are those of `jax.export`, which `jax.export.deserialize` can read too, followed by a trailer of 40 bytes: a
magic number, and the SHA-256 of the bytes before. JAX parses these bytes with native code that crashes on damaged ones,
so the checksum is verified before anything is parsed. Then every operation must be one of StableHLO, and every custom
call (native code, called by name) must be in an allowlist: others read memory addresses, or run code, from the file.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from minidl.core.optional import needed
from minidl.saving.errors import LoadError

_MARK = b"minidl\x00\x01"
_DIALECTS = ("builtin", "chlo", "func", "sdy", "stablehlo")
_CUSTOM_CALLS = re.compile(  # those of the calls that JAX guarantees as stable that only compute
    r"lapack_[a-z]+_ffi|(cu|hip)solver_[a-z]+_ffi|cusparse_gtsv2_ffi|(cu|hip)_(lu_pivots_to_permutation|threefry2x32_ffi)"
    r"|Eigh|Qr|ProductOfElementaryHouseholderReflectors|LuDecomposition|ApproxTopK"
    r"|stablehlo\.dynamic_(approx_top_k|reduce_window|rng_bit_generator|top_k)|shape_assertion"
    r"|Sharding|SPMDFullToShardShape|SPMDShardToFullShape|annotate_device_placement"
)


def to_bytes(exported: Any) -> bytes:
    """A `jax.export.Exported` with its checksum.

    Raises:
        LoadError: an operation that is not allowed, so that it could not be loaded.
    """
    check_operations(exported.mlir_module_serialized)
    data = bytes(exported.serialize())
    return data + _MARK + hashlib.sha256(data).digest()


def from_bytes(data: bytes) -> Any:
    """The `jax.export.Exported` that `to_bytes` wrote.

    Raises:
        LoadError: the checksum is missing or does not match, or an operation is not allowed.
    """
    end = len(data) - len(_MARK) - hashlib.sha256().digest_size
    if end < 0 or data[end : end + len(_MARK)] != _MARK:
        raise LoadError(
            "it has no checksum: it is truncated, not an exported model, or was written by jax.export. Export the "
            "model again, or, if you trust the file, load it with jax.export.deserialize"
        )
    if hashlib.sha256(memoryview(data)[:end]).digest() != data[end + len(_MARK) :]:
        raise LoadError("it is damaged: its checksum does not match")
    exported = needed("jax.export", "load_exported", "minidl[export]").deserialize(bytearray(memoryview(data)[:end]))
    check_operations(exported.mlir_module_serialized)
    return exported


def check_operations(serialized: bytes) -> None:
    """Check that a program has only operations of StableHLO and the listed custom calls.

    Args:
        serialized: a portable artifact of StableHLO.

    Raises:
        LoadError: an operation that is not allowed; the message names it.
    """
    from jax.interpreters.mlir import make_ir_context  # noqa: PLC0415 - takes time, and only exported programs need it
    from jaxlib.mlir import ir  # noqa: PLC0415
    from jaxlib.mlir.dialects import stablehlo  # noqa: PLC0415

    refused: set[str] = set()

    def visit(operation: Any) -> Any:
        name = operation.name
        if name.partition(".")[0] not in _DIALECTS:
            refused.add(f"the operation {name!r}"[:200])
        if name == "stablehlo.custom_call":
            target = ir.StringAttr(operation.attributes["call_target_name"]).value
            if not _CUSTOM_CALLS.fullmatch(target):
                refused.add(f"the custom call {target!r}"[:200])
        return ir.WalkResult.ADVANCE

    with make_ir_context() as context:
        stablehlo.deserialize_portable_artifact(context, serialized).operation.walk(visit)
    if refused:
        raise LoadError(f"it has {', '.join(sorted(refused)[:5])}, which is not allowed in exported models")
