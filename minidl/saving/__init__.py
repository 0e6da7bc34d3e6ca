"""Saving and loading: files are written atomically, and read without running any code that they contain."""

from minidl.core import registry
from minidl.saving import tables
from minidl.saving.errors import LoadError
from minidl.saving.export import export_model, load_exported
from minidl.saving.keras_format import load_model, load_weights, model_from_json, save_model, save_weights, to_json
from minidl.saving.objects import deserialize_keras_object, serialize_keras_object
from minidl.saving.orbax import load_orbax_checkpoint
from minidl.saving.registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from minidl.saving.safetensors import load_safetensors, save_safetensors

registry.bases.update(tables.BASES)
registry.families.update(tables.FAMILIES)

__all__ = [
    "CustomObjectScope",
    "LoadError",
    "custom_object_scope",
    "deserialize_keras_object",
    "export_model",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_exported",
    "load_model",
    "load_orbax_checkpoint",
    "load_safetensors",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_safetensors",
    "save_weights",
    "serialize_keras_object",
    "to_json",
]
