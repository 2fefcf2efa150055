"""Fewer rows or fewer columns that stand for all: seeded sketches that add up.

A sketch is a random matrix S with few rows, ``E[SᵀS] = I``: norms, distances and products are kept on average, and
nearly so each time. Column i of S depends on the seed and i alone, so that sketches of parts, made on different
machines, add up to the sketch of the whole.

- transformers, on features: :class:`CountSketch` and :class:`SparseEmbedding` for sparse data, :class:`SRHT` and
  :class:`FastJL` for dense data, :class:`GaussianSketch` and :class:`SparseSignSketch` for comparison;
- :func:`sketch`, and :class:`SketchOperator` for the drawn matrix itself; :class:`StreamingSketch` of data that come in
  parts;
- tensor products that are never formed: :class:`TensorSketch` for polynomial kernels, :func:`kronecker_sketch`;
- least squares at the accuracy of QR: :func:`lstsq`, :class:`SketchedLinearRegression`;
- products: :func:`approx_matmul`; samples of rows of tables that never meet: :func:`coordinated_sample`,
  :func:`product_from_samples`, :func:`lstsq_from_samples`; rows that matter: :func:`leverage_scores`,
  :func:`leverage_sample`;
- sizes: :func:`johnson_lindenstrauss_min_dim`, :func:`sketch_size`, :func:`fast_jl_density`;
- :func:`uniform_hash`: the random numbers by id that all of this rests on.
"""

from sparsela._core.random import uniform_hash
from sparsela.sketch._dimensions import fast_jl_density, johnson_lindenstrauss_min_dim, sketch_size
from sparsela.sketch._estimators import CountSketch, GaussianSketch, SparseEmbedding, SparseSignSketch
from sparsela.sketch._fast import SRHT, FastJL
from sparsela.sketch._leverage import leverage_sample, leverage_scores
from sparsela.sketch._lstsq import lstsq
from sparsela.sketch._operator import SketchOperator
from sparsela.sketch._products import approx_matmul
from sparsela.sketch._regression import SketchedLinearRegression
from sparsela.sketch._samples import coordinated_sample, lstsq_from_samples, product_from_samples
from sparsela.sketch._sketch import sketch
from sparsela.sketch._streaming import StreamingSketch
from sparsela.sketch._tensor import TensorSketch, kronecker_sketch

__all__ = [
    "CountSketch",
    "FastJL",
    "GaussianSketch",
    "SRHT",
    "SketchOperator",
    "SketchedLinearRegression",
    "SparseEmbedding",
    "SparseSignSketch",
    "StreamingSketch",
    "TensorSketch",
    "approx_matmul",
    "coordinated_sample",
    "fast_jl_density",
    "johnson_lindenstrauss_min_dim",
    "kronecker_sketch",
    "leverage_sample",
    "leverage_scores",
    "lstsq",
    "lstsq_from_samples",
    "product_from_samples",
    "sketch",
    "sketch_size",
    "uniform_hash",
]
