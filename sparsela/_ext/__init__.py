"""Compiled kernels: plain arrays in, plain arrays out. No validation, no estimator, nothing of the package above."""
