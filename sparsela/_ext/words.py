"""Words of 64 bits: a counted random stream, and the number of ones (Numba).

Contract: a stream is a uint64 array of one word, a SplitMix64 counter, so that what is drawn depends on the seed alone
and not on threads. Inlined where they are called: _ext.additions, _ext.flips.
"""

import numpy as np
from numba import njit

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)

_options = {"cache": True, "nogil": True, "error_model": "numpy", "inline": "always"}


@njit(**_options)
def draw(stream):
    """The next word of the stream."""
    stream[0] += GAMMA
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


@njit(**_options)
def below(word, n):
    """An integer from 0 to n − 1 by the upper half of a word."""
    return np.int64(((word >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(**_options)
def ones(x):
    """The number of ones of a word."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
