"""The forms of kernels that are faster than the reference on the CPU, where XLA needs more help than elsewhere."""
