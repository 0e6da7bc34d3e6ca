"""Internals that all other modules build on: variables, symbolic tensors, names, serialization, metadata of arrays."""
