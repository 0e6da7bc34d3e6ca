"""Forms of kernels that are faster than the reference on the CPU."""
