"""Models: layers that can be compiled and trained."""

from minidl.models.cloning import clone_model
from minidl.models.model import Model
from minidl.models.sequential import Sequential
from minidl.saving import load_model, model_from_json, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
