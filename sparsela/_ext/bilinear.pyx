# The recursion of a bilinear scheme over blocks: fused sums (sums_body.h), and BLAS at the leaves.
#   Executor(levels, itemsize, is_real, transposed): what runs; levels are those of matmul._plan, outermost first.
#   execute(A, B, C, arena, n_threads): C (m, n) = A (m, k) B (k, n), each stored in C order with a leading dimension, or
#   transposed so; arena: bytes, `workspace(n_threads)` of them, aligned to 64; nothing is allocated here but the OpenMP team.
#   Blocks are ceil(m / m0) x ... or a little more; the last ones are shorter, and what is missing reads as zero (virtual padding).
#   The products of the outermost level are shared out over `parts` places, the remainder cut into slabs, in a way that
#   the executor fixes: any number of threads gives the same bits. BLAS must be held to one thread by the caller.
#   Cost: r products a level; the sums are bandwidth, about 6 passes over a quarter of the matrices for Winograd's scheme.
# Called by matmul._plan.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset
from scipy.linalg.cython_blas cimport cgemm, dgemm, sgemm, zgemm

import numpy as np

cdef extern from "sums_table.h" nogil:
    ctypedef struct sl_sums:
        int32_t n_in, n_mem, n_temp, n_steps, kernel
        const int32_t *steps
        const double *coef
    int sums_find(const sl_sums *)
    void sums_double(const sl_sums *, double **, const int64_t *, const int64_t *, const int64_t *, int64_t, int64_t,
                     int64_t, int, double *, double **)
    void sums_float(const sl_sums *, float **, const int64_t *, const int64_t *, const int64_t *, int64_t, int64_t,
                    int64_t, int, float *, float **)
    enum: SUMS_TILE

cdef enum:
    SUMS, PRODUCT, BARRIER  # instructions
    IN_A = 0, IN_B, IN_C, OF_S, OF_T, OF_M  # where variables live
    EXACT = 0, CUT, INTO  # codes of a level
    LINE = 64  # bytes
    SKEW = 1088  # between buffers modulo a page: loads and stores at one offset in a page wait for each other
    REGISTERS = 8  # rows or columns that a BLAS kernel likes to do at a time
    LARGEST = 1 << 30  # of a dimension that BLAS is given

TILE = SUMS_TILE

# A matrix as it is stored: row-major, rows ld entries apart.
cdef struct View:
    char *at
    int64_t rows, cols, ld

cdef struct Instruction:
    int32_t kind, x, y, z, add
    double alpha

cdef struct Variable:
    int32_t where, row, column, slot, home

cdef struct Code:
    int n_vars, n_instructions
    const Variable *variables
    const Instruction *instructions
    const sl_sums *sums
    const int32_t **sum_variables

cdef struct Level:
    int m0, k0, n0
    int64_t align  # of the sizes of blocks, where that is nearly for nothing
    int stream[3]  # do S, T, and C with M, go around the cache
    int64_t ld[3]  # of buffers S, T, M, in entries
    int64_t size[3]  # bytes from one buffer to the next
    int64_t offset[3]  # of the first one in the workspace of the level
    int64_t frame  # of the table of variables
    Code code[3]

cdef struct Job:
    Level *levels
    int n_levels, itemsize, kind, ta, tb, tc
    int64_t *starts  # of each level's workspace in that of a thread
    int64_t pointers, scratch, stride  # workspace of a thread
    char *arena
    char *shared


cdef int64_t rounded(int64_t n, int64_t to) noexcept nogil:
    return (n + to - 1) // to * to


cdef int64_t skewed(int64_t size) noexcept nogil:
    """At least `size`, and SKEW beyond a multiple of 4096."""
    return size + ((SKEW - size) % 4096 + 4096) % 4096


cdef int64_t shared_by(int64_t n, int64_t parts, int64_t align) noexcept nogil:
    """The size of a block. Where the last one is shorter anyhow, up to 1 / 256 is added to have the others a multiple of
    what BLAS does at a time: on odd sizes it is slower."""
    return room_for(n, parts, align) if n % parts else n // parts


cdef int64_t room_for(int64_t n, int64_t parts, int64_t align) noexcept nogil:
    """The largest block of any operand of up to n rows: grows with n, as shared_by does not."""
    cdef int64_t size = (n + parts - 1) // parts, even = rounded(size, align)
    return even if (even - size) * 256 <= size else size


cdef inline View block(View x, int64_t i, int64_t j, int64_t rows, int64_t cols, bint turned, int itemsize) noexcept nogil:
    """Block (i, j), of rows x cols entries where it is whole."""
    cdef View out
    if turned:
        i, j = j, i
        rows, cols = cols, rows
    out.rows = max(0, min(rows, x.rows - i * rows))
    out.cols = max(0, min(cols, x.cols - j * cols))
    out.ld = x.ld
    out.at = x.at + (i * rows * x.ld + j * cols) * itemsize if out.rows and out.cols else x.at
    return out


cdef inline View part(View x, int64_t first, int64_t last, bint along_rows, bint turned, int itemsize) noexcept nogil:
    """Rows (or columns) first ... last - 1."""
    cdef View out = x
    if along_rows != turned:
        out.at = x.at + first * x.ld * itemsize
        out.rows = last - first
    else:
        out.at = x.at + first * itemsize
        out.cols = last - first
    return out


cdef inline int64_t height(View x, bint turned) noexcept nogil:
    return x.cols if turned else x.rows


cdef inline int64_t width(View x, bint turned) noexcept nogil:
    return x.rows if turned else x.cols


cdef void fill_zero(View c, int itemsize) noexcept nogil:
    cdef int64_t i
    for i in range(c.rows):
        memset(c.at + i * c.ld * itemsize, 0, c.cols * itemsize)


cdef void gemm(const Job *job, int64_t m, int64_t n, int64_t k, View a, View b, View c, double alpha, bint add) noexcept nogil:
    """C = alpha A B (+ C), by BLAS, whose matrices are column-major: C' = B' A'."""
    cdef int m_ = <int> m, n_ = <int> n, k_ = <int> k, lda = <int> max(1, a.ld), ldb = <int> max(1, b.ld), ldc = <int> max(1, c.ld)
    cdef char *ta = b"T" if job.ta else b"N"
    cdef char *tb = b"T" if job.tb else b"N"
    cdef float sa = <float> alpha, sb = <float> add
    cdef double da = alpha, db = add
    cdef float complex ca = <float> alpha, cb = <float> add
    cdef double complex za = alpha, zb = add
    cdef char *swap
    cdef int keep
    cdef char *pa = a.at
    cdef char *pb = b.at
    if job.tc:  # C is stored as column-major: C = A B, and what is row-major is transposed to BLAS
        ta = b"N" if job.ta else b"T"
        tb = b"N" if job.tb else b"T"
        swap, tb = tb, ta
        ta = swap
        pa, pb = b.at, a.at
        lda, ldb = ldb, lda
        m_, n_ = n_, m_
    if job.kind == 0:
        sgemm(tb, ta, &n_, &m_, &k_, &sa, <float *> pb, &ldb, <float *> pa, &lda, &sb, <float *> c.at, &ldc)
    elif job.kind == 1:
        dgemm(tb, ta, &n_, &m_, &k_, &da, <double *> pb, &ldb, <double *> pa, &lda, &db, <double *> c.at, &ldc)
    elif job.kind == 2:
        cgemm(tb, ta, &n_, &m_, &k_, &ca, <float complex *> pb, &ldb, <float complex *> pa, &lda, &cb,
              <float complex *> c.at, &ldc)
    else:
        zgemm(tb, ta, &n_, &m_, &k_, &za, <double complex *> pb, &ldb, <double complex *> pa, &lda, &zb,
              <double complex *> c.at, &ldc)


cdef void leaf(const Job *job, View a, View b, View c, double alpha, bint add) noexcept nogil:
    """One BLAS call, or several where a dimension is beyond its integers."""
    cdef int64_t m = height(a, job.ta), k = width(a, job.ta), n = width(b, job.tb), i, j, l, il, jl, ll
    if not k:
        if not add:
            fill_zero(c, job.itemsize)
        return
    if m <= LARGEST and n <= LARGEST and k <= LARGEST:
        gemm(job, m, n, k, a, b, c, alpha, add)
        return
    i = 0
    while i < m:
        il = min(m, i + LARGEST)
        j = 0
        while j < n:
            jl = min(n, j + LARGEST)
            l = 0
            while l < k:
                ll = min(k, l + LARGEST)
                gemm(job, il - i, jl - j, ll - l,
                     part(part(a, i, il, True, job.ta, job.itemsize), l, ll, False, job.ta, job.itemsize),
                     part(part(b, l, ll, True, job.tb, job.itemsize), j, jl, False, job.tb, job.itemsize),
                     part(part(c, i, il, True, job.tc, job.itemsize), j, jl, False, job.tc, job.itemsize),
                     alpha, add or l > 0)
                l = ll
            j = jl
        i = il


cdef void run_sums(const Job *job, const Code *code, int which, View *variables, int stream, int64_t share, int64_t shares,
                   char *scratch) noexcept nogil:
    """One pass of sums; of its rows, share number `share` of `shares`."""
    cdef const sl_sums *f = code.sums + which
    cdef const int32_t *ids = code.sum_variables[which]
    cdef int v, per = 2 if job.kind >= 2 else 1  # complex numbers are two real columns
    cdef int64_t n = f.n_mem, rows = 0, cols = 0, first, last
    cdef int64_t *ld = <int64_t *> scratch
    cdef int64_t *height_ = ld + n
    cdef int64_t *width_ = height_ + n
    cdef char **base = <char **> (width_ + n)
    cdef char **at = base + n
    for v in range(n):
        base[v] = variables[ids[v]].at
        ld[v] = variables[ids[v]].ld * per
        height_[v] = variables[ids[v]].rows
        width_[v] = variables[ids[v]].cols * per
        if v >= f.n_in:
            rows = max(rows, height_[v])
            cols = max(cols, width_[v])
    first, last = rows * share // shares, rows * (share + 1) // shares
    if job.kind == 0 or job.kind == 2:
        sums_float(f, <float **> base, ld, height_, width_, first, last, cols, stream, <float *> (scratch + job.pointers), <float **> at)
    else:
        sums_double(f, <double **> base, ld, height_, width_, first, last, cols, stream, <double *> (scratch + job.pointers), <double **> at)


cdef const Code *choose(const Level *level, int64_t m, int64_t n, bint add) noexcept nogil:
    if add:
        return &level.code[INTO]
    return &level.code[EXACT if m % level.m0 == 0 and n % level.n0 == 0 else CUT]


cdef void place(const Job *job, const Level *level, const Code *code, View a, View b, View c, char *work,
                View *variables) noexcept nogil:
    """Where each variable of a level lies, and its size: a buffer is as large as the block it stands for."""
    cdef int64_t p = shared_by(height(a, job.ta), level.m0, level.align)
    cdef int64_t q = shared_by(width(a, job.ta), level.k0, level.align)
    cdef int64_t s = shared_by(width(b, job.tb), level.n0, level.align)
    cdef int v, kind
    cdef Variable x
    for v in range(code.n_vars):
        x = code.variables[v]
        if x.where == IN_A or x.where == OF_S:
            variables[v] = block(a, x.row, x.column, p, q, job.ta, job.itemsize)
        elif x.where == IN_B or x.where == OF_T:
            variables[v] = block(b, x.row, x.column, q, s, job.tb, job.itemsize)
        else:
            variables[v] = block(c, x.row, x.column, p, s, job.tc, job.itemsize)
        if x.slot >= 0:
            kind = x.where - OF_S
            variables[v].at = work + level.offset[kind] + x.slot * level.size[kind]
            variables[v].ld = level.ld[kind]
        elif x.home >= 0:
            variables[v].at = variables[x.home].at


cdef bint ready(const Job *job, const Code *code, const Instruction *step, View *variables, View *a, View *b, View *c) noexcept nogil:
    """The operands of a product, cut to what is there; False where there is nothing to multiply."""
    cdef View whole = variables[step.z]
    cdef int64_t m, k, n
    a[0] = variables[step.x]
    b[0] = variables[step.y]
    m = min(height(a[0], job.ta), height(whole, job.tc))
    k = min(width(a[0], job.ta), height(b[0], job.tb))
    n = min(width(b[0], job.tb), width(whole, job.tc))
    if not (m and k and n):
        m = k = n = 0
    a[0] = part(part(a[0], 0, m, True, job.ta, job.itemsize), 0, k, False, job.ta, job.itemsize)
    b[0] = part(part(b[0], 0, k, True, job.tb, job.itemsize), 0, n, False, job.tb, job.itemsize)
    c[0] = part(part(whole, 0, m, True, job.tc, job.itemsize), 0, n, False, job.tc, job.itemsize)
    if code.variables[step.z].where == OF_M:
        variables[step.z] = c[0]  # beyond, it reads as zero
    elif not step.add and (c[0].rows < whole.rows or c[0].cols < whole.cols):
        fill_zero(whole, job.itemsize)
    return m > 0


cdef void product(const Job *job, int depth, View a, View b, View c, double alpha, bint add, char *own) noexcept nogil:
    """C = alpha A B (+ C) by the levels from `depth` on, in the workspace of one thread."""
    cdef int64_t m = height(a, job.ta), n = width(b, job.tb)
    if not m or not n:
        return
    if depth == job.n_levels or (m == 1 and n == 1 and width(a, job.ta) == 1):
        leaf(job, a, b, c, alpha, add)
        return
    cdef const Level *level = job.levels + depth
    cdef const Code *code = choose(level, m, n, add)
    cdef char *work = own + job.starts[depth]
    cdef View *variables = <View *> (work + level.frame)
    cdef const Instruction *step
    cdef View x, y, z
    cdef int i
    place(job, level, code, a, b, c, work, variables)
    for i in range(code.n_instructions):
        step = code.instructions + i
        if step.kind == SUMS:
            run_sums(job, code, step.x, variables, level.stream[step.y], 0, 1, own)
        elif step.kind == PRODUCT:
            if ready(job, code, step, variables, &x, &y, &z):
                product(job, depth + 1, x, y, z, alpha * step.alpha, step.add, own)


cdef inline int64_t cut(int64_t n, int64_t t, int64_t parts) noexcept nogil:
    return n if t == parts else min(n, (n * t // parts + 32) // 64 * 64)


cdef void slab(const Job *job, View a, View b, View c, double alpha, bint add, int t, int parts, char *own) noexcept nogil:
    """Slab t of a product of the outermost level, along its longer side."""
    cdef int64_t m = height(a, job.ta), n = width(b, job.tb), first, last
    if m >= n:
        first, last = cut(m, t, parts), cut(m, t + 1, parts)
        if first < last:
            product(job, 1, part(a, first, last, True, job.ta, job.itemsize), b,
                    part(c, first, last, True, job.tc, job.itemsize), alpha, add, own)
    else:
        first, last = cut(n, t, parts), cut(n, t + 1, parts)
        if first < last:
            product(job, 1, a, part(b, first, last, False, job.tb, job.itemsize),
                    part(c, first, last, False, job.tc, job.itemsize), alpha, add, own)


cdef void share(const Job *job, const Code *code, int first, int last, View *variables, View *operands, int t, int parts,
                char *own) noexcept nogil:
    """What falls to part t of the products first ... last - 1: every parts-th one, and its slab of the remainder."""
    cdef int whole = (last - first) // parts * parts, i
    cdef const Instruction *step
    for i in range(first, first + whole):
        step = code.instructions + i
        if (i - first) % parts == t and height(operands[3 * i], job.ta):
            product(job, 1, operands[3 * i], operands[3 * i + 1], operands[3 * i + 2], step.alpha, step.add, own)
    for i in range(first + whole, last):
        step = code.instructions + i
        if height(operands[3 * i], job.ta):
            slab(job, operands[3 * i], operands[3 * i + 1], operands[3 * i + 2], step.alpha, step.add, t, parts, own)


cdef void outermost(const Job *job, View a, View b, View c, int parts, int n_threads, bint products) noexcept nogil:
    cdef const Level *level = job.levels
    cdef const Code *code = choose(level, height(a, job.ta), width(b, job.tb), False)
    cdef View *variables = <View *> (job.shared + level.frame)
    cdef View *operands = variables + code.n_vars
    cdef const Instruction *step
    cdef int i = 0, last, t
    place(job, level, code, a, b, c, job.shared, variables)
    while i < code.n_instructions:
        step = code.instructions + i
        last = i + 1
        if step.kind == SUMS:
            for t in prange(n_threads, num_threads=n_threads, schedule="static", chunksize=1):
                run_sums(job, code, code.instructions[i].x, variables, level.stream[code.instructions[i].y], t, n_threads,
                         job.arena + threadid() * job.stride)
        elif step.kind == PRODUCT:
            while last < code.n_instructions and code.instructions[last].kind == PRODUCT:
                last = last + 1
            for t in range(i, last):
                ready(job, code, code.instructions + t, variables, operands + 3 * t, operands + 3 * t + 1, operands + 3 * t + 2)
            for t in prange(parts if products else 0, num_threads=n_threads, schedule="static", chunksize=1):
                share(job, code, i, last, variables, operands, t, parts, job.arena + threadid() * job.stride)
        i = last


cdef class Executor:
    """Levels of a plan, laid out for the recursion. Immutable once made; any number of threads may run it."""

    cdef Job job
    cdef int parts
    cdef list keep
    cdef object level_array, starts_array
    cdef readonly int64_t shared_bytes, thread_bytes

    def __init__(self, levels, shape, str kind, turned, int parts, streams):
        """levels: (scheme shape, three lowered codes) each; kind: dtype character f d F D; turned: A, B, C stored by columns."""
        cdef Level *level
        cdef Code *code
        cdef int64_t mem = 1, tile = 1, at
        cdef int i, w
        self.keep = []
        self.parts = parts
        self.job.kind = "fdFD".index(kind)
        self.job.itemsize = np.dtype(kind).itemsize
        self.job.ta, self.job.tb, self.job.tc = turned
        self.job.n_levels = len(levels)
        cdef char[::1] raw = np.zeros(max(1, len(levels)) * sizeof(Level), np.int8)
        cdef int64_t[::1] starts = np.zeros(max(1, len(levels)), np.int64)
        self.level_array, self.starts_array = raw.base, starts.base
        self.job.levels = <Level *> &raw[0]
        self.job.starts = &starts[0]
        m, k, n = shape
        for i, ((m0, k0, n0), codes) in enumerate(levels):
            level = self.job.levels + i
            level.m0, level.k0, level.n0 = m0, k0, n0
            level.align = alignment(i, len(levels))
            m, k, n = room_for(m, m0, level.align), room_for(k, k0, level.align), room_for(n, n0, level.align)
            at = 0
            for w, (rows, cols, flip) in enumerate(((m, k, turned[0]), (k, n, turned[1]), (m, n, turned[2]))):
                if flip:
                    rows, cols = cols, rows
                level.ld[w] = rounded(cols * self.job.itemsize, LINE) // self.job.itemsize + LINE // self.job.itemsize
                size = rounded(rows * level.ld[w] * self.job.itemsize, LINE)
                level.size[w] = skewed(size)
                level.offset[w] = at
                level.stream[w] = streams[i][w]
                at += max(code_.n_slots[w] for code_ in codes) * level.size[w]
            level.frame = at
            views = max(len(code_.variables) + (3 * len(code_.instructions) if i == 0 else 0) for code_ in codes)
            at = rounded(at + views * sizeof(View), LINE)
            for w, lowered in enumerate(codes):
                self.fill(&level.code[w], lowered)
                for sums in lowered.sums:
                    mem = max(mem, len(sums.variables))
                    tile = max(tile, len(sums.variables) + sums.n_temp + 1)
            if i:
                starts[i] = self.thread_bytes
                self.thread_bytes += at
            else:
                self.shared_bytes = at
        # a thread's own: pointers, a tile of every variable, then the workspace of the inner levels
        self.job.pointers = rounded((4 * mem + tile) * 8, LINE)
        before = rounded(self.job.pointers + tile * SUMS_TILE * (8 if kind in "dD" else 4), LINE)
        for i in range(len(levels)):
            starts[i] += before
        self.thread_bytes = skewed(self.thread_bytes + before)
        self.job.stride = self.thread_bytes

    cdef fill(self, Code *code, lowered):
        cdef int32_t[:, ::1] variables = np.array(
            [[x.where, x.row, x.column, x.slot, x.home] for x in lowered.variables], np.int32)
        cdef int i, n_sums = len(lowered.sums)
        cdef char[::1] steps = np.zeros(max(1, len(lowered.instructions)) * sizeof(Instruction), np.int8)
        cdef char[::1] sums = np.zeros(max(1, n_sums) * sizeof(sl_sums), np.int8)
        cdef int64_t[::1] lists = np.zeros(max(1, n_sums), np.int64)
        cdef Instruction *step = <Instruction *> &steps[0]
        cdef sl_sums *f = <sl_sums *> &sums[0]
        cdef int32_t[::1] ids
        cdef int32_t[:, ::1] table
        cdef double[:, ::1] coefficients
        for i, (kind, x, y, z, add, alpha) in enumerate(lowered.instructions):
            step[i].kind, step[i].x, step[i].y, step[i].z, step[i].add, step[i].alpha = kind, x, y, z, add, alpha
        for i, given in enumerate(lowered.sums):
            ids = np.array(given.variables, np.int32)
            table = np.array(given.steps, np.int32).reshape(-1, 4)
            coefficients = np.array(given.coefficients, np.float64).reshape(-1, 2)
            self.keep += [ids.base, table.base, coefficients.base]
            lists[i] = <int64_t> &ids[0]
            f[i].n_in, f[i].n_mem, f[i].n_temp, f[i].n_steps = given.n_in, len(given.variables), given.n_temp, len(given.steps)
            f[i].steps = &table[0, 0]
            f[i].coef = &coefficients[0, 0]
            f[i].kernel = sums_find(&f[i])
        self.keep += [variables.base, steps.base, sums.base, lists.base]
        code.n_vars, code.n_instructions = len(lowered.variables), len(lowered.instructions)
        code.variables = <const Variable *> &variables[0, 0]
        code.instructions = step
        code.sums = f
        code.sum_variables = <const int32_t **> &lists[0]

    def workspace(self, int n_threads):
        """Bytes of an arena."""
        return self.shared_bytes + n_threads * self.thread_bytes + 2 * LINE

    def execute(self, a, b, c, char[::1] arena, int n_threads, bint products=True):
        """C = A B; each is (address, rows, columns, leading dimension) as it is stored, arena workspace() bytes.

        Without products: the sums of the outermost level alone, to time them."""
        cdef Job job = self.job
        cdef View x = view(a), y = view(b), z = view(c)
        cdef int parts = self.parts, threads = min(n_threads, self.parts)
        if not x.rows or not x.cols or not y.cols or not y.rows:
            raise ValueError("nothing to multiply")
        job.shared = <char *> rounded(<int64_t> &arena[0], LINE)
        job.arena = <char *> rounded(<int64_t> (job.shared + self.shared_bytes), LINE)
        with nogil:
            outermost(&job, x, y, z, parts, threads, products)

    def gemm(self, a, b, c, bint add):
        """C = A B or C += A B by BLAS alone."""
        cdef View x = view(a), y = view(b), z = view(c)
        with nogil:
            if z.rows and z.cols:
                leaf(&self.job, x, y, z, 1, add)


cdef View view(given):
    cdef View out
    out.at = <char *> <int64_t> given[0]
    out.rows, out.cols, out.ld = given[1], given[2], given[3]
    return out


cdef int64_t alignment(int64_t depth, int64_t levels):
    return REGISTERS << min(3, levels - 1 - depth)


def block_sizes(shape, schemes):
    """(m, k, n) of the largest blocks at each level, for schemes of these shapes."""
    cdef int64_t align
    out = []
    for i, by in enumerate(schemes):
        align = alignment(i, len(schemes))
        shape = tuple(shared_by(size, parts, align) for size, parts in zip(shape, by, strict=True))
        out.append(shape)
    return out


def find_loop(sums):
    """The number of the generated loop for these sums, -1 where the step table is carried out."""
    cdef sl_sums f
    cdef int32_t[:, ::1] table = np.array(sums.steps, np.int32).reshape(-1, 4)
    f.n_in, f.n_mem, f.n_temp, f.n_steps = sums.n_in, len(sums.variables), sums.n_temp, len(sums.steps)
    f.steps = &table[0, 0]
    return sums_find(&f)
