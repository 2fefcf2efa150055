"""Matrix products with fewer multiplications: bilinear schemes, exact and verified.

- a scheme ``C = Σ_t W[t] (U[t]·vec A)(V[t]·vec B)``: :class:`BilinearScheme`, its equations checked over the integers,
  with its algebra (permute, tensor product, direct sum, projection, another basis);
- schemes that come with the library: :func:`get_scheme`, :func:`list_schemes`; files: :func:`load_scheme`,
  :func:`save_scheme`;
- how its sums are formed: :class:`AdditionProgram`, with few additions: :func:`reduce_additions`;
- find new ones: :func:`search_scheme`;
- the product itself, faster than BLAS on large matrices: :func:`multiply`, :func:`plan_multiply`; what it takes on this
  machine: :func:`calibrate`, :func:`set_model`, :class:`MachineModel`;
- its rounding errors: :func:`error_bound`, :func:`measure_error`;
- products that survive lost workers: :class:`FaultTolerantProduct`, :func:`multiply_fault_tolerant`.
"""

from sparsela.matmul._catalogue import get_scheme, list_schemes
from sparsela.matmul._errors import error_bound, measure_error
from sparsela.matmul._faults import FaultTolerantProduct, UndecodableError
from sparsela.matmul._files import load_scheme, save_scheme
from sparsela.matmul._model import MachineModel, calibrate, set_model
from sparsela.matmul._multiply import multiply
from sparsela.matmul._plan import MultiplyPlan
from sparsela.matmul._planner import plan_multiply
from sparsela.matmul._programs import AdditionProgram
from sparsela.matmul._reduce import reduce_additions
from sparsela.matmul._relations import find_check_relations, find_parity_products
from sparsela.matmul._scheme import BilinearScheme
from sparsela.matmul._search import search_scheme
from sparsela.matmul._workers import multiply_fault_tolerant

__all__ = [
    "AdditionProgram",
    "BilinearScheme",
    "FaultTolerantProduct",
    "MachineModel",
    "MultiplyPlan",
    "UndecodableError",
    "calibrate",
    "error_bound",
    "find_check_relations",
    "find_parity_products",
    "get_scheme",
    "list_schemes",
    "load_scheme",
    "measure_error",
    "multiply",
    "multiply_fault_tolerant",
    "plan_multiply",
    "reduce_additions",
    "save_scheme",
    "search_scheme",
    "set_model",
]
