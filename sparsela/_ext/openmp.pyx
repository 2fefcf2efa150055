# What the build and the OpenMP runtime say of themselves: plain facts for _core.threads and show_config.
# No arrays, no state.

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define SL_OPENMP _OPENMP
    #define sl_max_threads() omp_get_max_threads()
    #else
    #define SL_OPENMP 0
    #define sl_max_threads() 1
    #endif
    """
    int SL_OPENMP
    int sl_max_threads()
    const char *SL_FLAGS

cdef extern from "dispatch.h":
    int sl_simd_width()


def version():
    """The OpenMP date of the build (201511 is 4.5), 0 where it was built without."""
    return SL_OPENMP


def max_threads():
    """Threads that the next parallel region would take: OMP_NUM_THREADS and threadpoolctl are in it."""
    return sl_max_threads()


def simd_width():
    """Bytes of the vectors that the kernels use on this processor: 16, 32 or 64."""
    return sl_simd_width()


def compiler_flags():
    """The flags that the extension modules were compiled with."""
    return SL_FLAGS.decode()
