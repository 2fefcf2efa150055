"""How an elementwise operator meets its loop in `_ext.prox_loops`: dtypes, broadcasting, memory order, moduli."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.validation import check_dtype


def numbers(z: Any) -> np.ndarray:
    """z as an array under the dtype rule of `validation`."""
    z = np.asarray(z)
    return z.astype(check_dtype(z.dtype, "z"), copy=False)


def strengths(a: Any, name: str) -> np.ndarray:
    """Strengths as doubles, finite and at least 0."""
    a = np.asarray(a)
    a = a.astype(check_dtype(a.dtype, name, allow_complex=False), copy=False).astype(np.float64, copy=False)
    if not (np.isfinite(a).all() and (a >= 0).all()):
        raise ValueError(f"{name} must be finite and non-negative, got {a if a.ndim == 0 else 'an array with others'}")
    return a


def check_out(out: np.ndarray, z: np.ndarray) -> None:
    """A ValueError where `out` cannot take the answer to z."""
    if not isinstance(out, np.ndarray) or out.shape != z.shape or out.dtype != z.dtype:
        given = f"{out.dtype}{list(out.shape)}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be an array of z's shape and dtype, {z.dtype}{list(z.shape)}, got {given}")


def elementwise(loop: str, z: Any, a: Any, *parameters: float, out: np.ndarray | None, name: str = "a") -> np.ndarray:
    """Run a loop of `_ext.prox_loops` over z, flattened as it lies in memory."""
    from sparsela._ext import prox_loops  # brings Numba, which nobody waits for at import

    z = numbers(z)
    if out is not None:
        check_out(out, z)
    a = strengths(a, name)
    order = "F" if z.flags.f_contiguous and not z.flags.c_contiguous else "C"
    if a.size == 1 and a.ndim <= z.ndim:
        a = a.reshape(1)
    else:
        try:
            a = np.broadcast_to(a, z.shape).ravel(order=order)
        except ValueError:
            raise ValueError(f"{name} must broadcast to z's shape {z.shape}, got shape {a.shape}") from None
    direct = (
        out is not None
        and (out.flags.f_contiguous if order == "F" else out.flags.c_contiguous)
        and (out is z or not np.may_share_memory(out, z))
    )
    result = out if direct else np.empty(z.shape, z.dtype, order=order)

    run = getattr(prox_loops, loop)
    if z.dtype.kind == "f":
        run(z.ravel(order=order), a, *parameters, result.ravel(order=order))
    else:
        with np.errstate(over="ignore"):
            sizes = np.abs(z).ravel(order=order)
        shrunk = np.empty_like(sizes)
        run(sizes, a, *parameters, shrunk)
        factors = np.divide(
            shrunk, sizes, out=np.isinf(sizes).astype(sizes.dtype), where=(shrunk != 0) & (sizes < np.inf)
        )
        factors[np.isnan(sizes)] = np.nan
        scale_by(z, factors.reshape(z.shape, order=order), result)
    if out is None:
        return result[()]  # a number for a number, as NumPy's functions do
    if result is not out:
        out[...] = result
    return out


def scale_by(z: np.ndarray, factors: np.ndarray, out: np.ndarray) -> None:
    """out = z · factors, part by part where z is complex: an infinite part times a complex 1 + 0i would be NaN."""
    if z.dtype.kind == "f":
        np.multiply(z, factors, out=out)
    else:
        out.real = z.real * factors
        out.imag = z.imag * factors
