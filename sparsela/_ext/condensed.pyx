# One sample through a layer whose active outputs all have k inputs: y[active[i]] += sum_t values[i, t] x[indices[i, t]].
#   values (n_active, k) and indices (n_active, k) C order, indices uint16 or uint32 and in range; x (n_in,), y (n_out,).
#   Two bytes an index, where CSR has four: the pass is bound by what it reads. Four sums a row, which do not wait for
#   each other. 2 n_active k flops. Called by nn._linear.

from libc.stdint cimport uint16_t, uint32_t

ctypedef fused real:
    float
    double

ctypedef fused index:
    uint16_t
    uint32_t


def forward(const index[:, ::1] indices, const real[:, ::1] values, const int[::1] active, const real[::1] x, real[::1] y):
    cdef Py_ssize_t i, t, k = indices.shape[1]
    cdef const index *at
    cdef const real *w
    cdef real s0, s1, s2, s3
    with nogil:
        for i in range(indices.shape[0]):
            at, w = &indices[i, 0], &values[i, 0]
            s0 = s1 = s2 = s3 = 0
            t = 0
            while t + 4 <= k:
                s0 = s0 + w[t] * x[at[t]]
                s1 = s1 + w[t + 1] * x[at[t + 1]]
                s2 = s2 + w[t + 2] * x[at[t + 2]]
                s3 = s3 + w[t + 3] * x[at[t + 3]]
                t = t + 4
            while t < k:
                s0 = s0 + w[t] * x[at[t]]
                t = t + 1
            y[active[i]] = y[active[i]] + (s0 + s1) + (s2 + s3)
