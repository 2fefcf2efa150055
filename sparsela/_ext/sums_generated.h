/* Written by `python -m sparsela.matmul._generate`; see sums_body.h. */

#undef SUMS_PUT
#define SUMS_PUT(p, v) (*(p) = (v))

static void SL_NAME(sums_0)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v2 + v3;
            vec r1 = r0 - v0;
            vec r2 = v0 - v2;
            vec r3 = v1 - r1;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r2);
            SUMS_STREAM(p7 + c, r3);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v2 + v3;
        vec r1 = r0 - v0;
        vec r2 = v0 - v2;
        vec r3 = v1 - r1;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r2);
        vec_store(p7 + c, r3);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v2 + v3;
        REAL r1 = r0 - v0;
        REAL r2 = v0 - v2;
        REAL r3 = v1 - r1;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r2);
        SUMS_PUT(p7 + c, r3);
    }
}

static void SL_NAME(sums_1)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v1 - v0;
            vec r1 = v3 - r0;
            vec r2 = v3 - v1;
            vec r3 = r1 - v2;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r2);
            SUMS_STREAM(p7 + c, r3);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v1 - v0;
        vec r1 = v3 - r0;
        vec r2 = v3 - v1;
        vec r3 = r1 - v2;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r2);
        vec_store(p7 + c, r3);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v1 - v0;
        REAL r1 = v3 - r0;
        REAL r2 = v3 - v1;
        REAL r3 = r1 - v2;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r2);
        SUMS_PUT(p7 + c, r3);
    }
}

static void SL_NAME(sums_2)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v0 + v2;
            vec r1 = r0 + v3;
            vec r2 = r0 + v1;
            vec r3 = r1 + v1;
            SUMS_STREAM(p4 + c, r2);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r3);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v0 + v2;
        vec r1 = r0 + v3;
        vec r2 = r0 + v1;
        vec r3 = r1 + v1;
        vec_store(p4 + c, r2);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r3);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v0 + v2;
        REAL r1 = r0 + v3;
        REAL r2 = r0 + v1;
        REAL r3 = r1 + v1;
        SUMS_PUT(p4 + c, r2);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r3);
    }
}

static void SL_NAME(sums_3)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v0 + v2;
            vec r1 = r0 + v3;
            vec r2 = r0 + v1;
            vec r3 = r1 + v1;
            vec r4 = r2;
            SUMS_STREAM(p4 + c, r4);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r3);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v0 + v2;
        vec r1 = r0 + v3;
        vec r2 = r0 + v1;
        vec r3 = r1 + v1;
        vec r4 = r2;
        vec_store(p4 + c, r4);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r3);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v0 + v2;
        REAL r1 = r0 + v3;
        REAL r2 = r0 + v1;
        REAL r3 = r1 + v1;
        REAL r4 = r2;
        SUMS_PUT(p4 + c, r4);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r3);
    }
}

static void SL_NAME(sums_4)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec v4 = vec_load(p4 + c);
            vec v5 = vec_load(p5 + c);
            vec v6 = vec_load(p6 + c);
            vec v7 = vec_load(p7 + c);
            vec r0 = v0 + v2;
            vec r1 = r0 + v3;
            vec r2 = r0 + v1;
            vec r3 = r1 + v1;
            vec r4 = v4 + v0;
            vec r5 = v5 + r2;
            vec r6 = v6 + r1;
            vec r7 = v7 + r3;
            SUMS_STREAM(p4 + c, r4);
            SUMS_STREAM(p5 + c, r5);
            SUMS_STREAM(p6 + c, r6);
            SUMS_STREAM(p7 + c, r7);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec v4 = vec_load(p4 + c);
        vec v5 = vec_load(p5 + c);
        vec v6 = vec_load(p6 + c);
        vec v7 = vec_load(p7 + c);
        vec r0 = v0 + v2;
        vec r1 = r0 + v3;
        vec r2 = r0 + v1;
        vec r3 = r1 + v1;
        vec r4 = v4 + v0;
        vec r5 = v5 + r2;
        vec r6 = v6 + r1;
        vec r7 = v7 + r3;
        vec_store(p4 + c, r4);
        vec_store(p5 + c, r5);
        vec_store(p6 + c, r6);
        vec_store(p7 + c, r7);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL v4 = *(p4 + c);
        REAL v5 = *(p5 + c);
        REAL v6 = *(p6 + c);
        REAL v7 = *(p7 + c);
        REAL r0 = v0 + v2;
        REAL r1 = r0 + v3;
        REAL r2 = r0 + v1;
        REAL r3 = r1 + v1;
        REAL r4 = v4 + v0;
        REAL r5 = v5 + r2;
        REAL r6 = v6 + r1;
        REAL r7 = v7 + r3;
        SUMS_PUT(p4 + c, r4);
        SUMS_PUT(p5 + c, r5);
        SUMS_PUT(p6 + c, r6);
        SUMS_PUT(p7 + c, r7);
    }
}

static void SL_NAME(sums_5)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec r0 = v1 + v2;
            vec r1 = r0 - v0;
            SUMS_STREAM(p3 + c, r0);
            SUMS_STREAM(p4 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec r0 = v1 + v2;
        vec r1 = r0 - v0;
        vec_store(p3 + c, r0);
        vec_store(p4 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL r0 = v1 + v2;
        REAL r1 = r0 - v0;
        SUMS_PUT(p3 + c, r0);
        SUMS_PUT(p4 + c, r1);
    }
}

static void SL_NAME(sums_6)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec r0 = v1 - v0;
            vec r1 = v2 - r0;
            SUMS_STREAM(p3 + c, r0);
            SUMS_STREAM(p4 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec r0 = v1 - v0;
        vec r1 = v2 - r0;
        vec_store(p3 + c, r0);
        vec_store(p4 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL r0 = v1 - v0;
        REAL r1 = v2 - r0;
        SUMS_PUT(p3 + c, r0);
        SUMS_PUT(p4 + c, r1);
    }
}

static void SL_NAME(sums_7)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec r0 = v0 - v1;
            SUMS_STREAM(p2 + c, r0);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec r0 = v0 - v1;
        vec_store(p2 + c, r0);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL r0 = v0 - v1;
        SUMS_PUT(p2 + c, r0);
    }
}

static void SL_NAME(sums_8)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec r0 = v1 - v0;
            SUMS_STREAM(p2 + c, r0);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec r0 = v1 - v0;
        vec_store(p2 + c, r0);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL r0 = v1 - v0;
        SUMS_PUT(p2 + c, r0);
    }
}

static void SL_NAME(sums_9)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7]; REAL *p8 = at[8];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v0 + v3;
            vec r1 = v2 + v3;
            vec r2 = v0 + v1;
            vec r3 = v2 - v0;
            vec r4 = v1 - v3;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r2);
            SUMS_STREAM(p7 + c, r3);
            SUMS_STREAM(p8 + c, r4);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v0 + v3;
        vec r1 = v2 + v3;
        vec r2 = v0 + v1;
        vec r3 = v2 - v0;
        vec r4 = v1 - v3;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r2);
        vec_store(p7 + c, r3);
        vec_store(p8 + c, r4);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v0 + v3;
        REAL r1 = v2 + v3;
        REAL r2 = v0 + v1;
        REAL r3 = v2 - v0;
        REAL r4 = v1 - v3;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r2);
        SUMS_PUT(p7 + c, r3);
        SUMS_PUT(p8 + c, r4);
    }
}

static void SL_NAME(sums_10)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7]; REAL *p8 = at[8];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v0 + v3;
            vec r1 = v1 - v3;
            vec r2 = v2 - v0;
            vec r3 = v0 + v1;
            vec r4 = v2 + v3;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
            SUMS_STREAM(p6 + c, r2);
            SUMS_STREAM(p7 + c, r3);
            SUMS_STREAM(p8 + c, r4);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v0 + v3;
        vec r1 = v1 - v3;
        vec r2 = v2 - v0;
        vec r3 = v0 + v1;
        vec r4 = v2 + v3;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
        vec_store(p6 + c, r2);
        vec_store(p7 + c, r3);
        vec_store(p8 + c, r4);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v0 + v3;
        REAL r1 = v1 - v3;
        REAL r2 = v2 - v0;
        REAL r3 = v0 + v1;
        REAL r4 = v2 + v3;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
        SUMS_PUT(p6 + c, r2);
        SUMS_PUT(p7 + c, r3);
        SUMS_PUT(p8 + c, r4);
    }
}

static void SL_NAME(sums_11)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7]; REAL *p8 = at[8];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec v4 = vec_load(p4 + c);
            vec r0 = v0 + v3;
            vec r1 = r0 - v4;
            vec r2 = v2 + v4;
            vec r3 = v1 + v3;
            vec r4 = v0 - v1;
            vec r5 = r4 + v2;
            vec r6 = r1;
            vec r7 = r2;
            vec r8 = r3;
            SUMS_STREAM(p5 + c, r6);
            SUMS_STREAM(p6 + c, r7);
            SUMS_STREAM(p7 + c, r8);
            SUMS_STREAM(p8 + c, r5);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec v4 = vec_load(p4 + c);
        vec r0 = v0 + v3;
        vec r1 = r0 - v4;
        vec r2 = v2 + v4;
        vec r3 = v1 + v3;
        vec r4 = v0 - v1;
        vec r5 = r4 + v2;
        vec r6 = r1;
        vec r7 = r2;
        vec r8 = r3;
        vec_store(p5 + c, r6);
        vec_store(p6 + c, r7);
        vec_store(p7 + c, r8);
        vec_store(p8 + c, r5);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL v4 = *(p4 + c);
        REAL r0 = v0 + v3;
        REAL r1 = r0 - v4;
        REAL r2 = v2 + v4;
        REAL r3 = v1 + v3;
        REAL r4 = v0 - v1;
        REAL r5 = r4 + v2;
        REAL r6 = r1;
        REAL r7 = r2;
        REAL r8 = r3;
        SUMS_PUT(p5 + c, r6);
        SUMS_PUT(p6 + c, r7);
        SUMS_PUT(p7 + c, r8);
        SUMS_PUT(p8 + c, r5);
    }
}

static void SL_NAME(sums_12)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5]; REAL *p6 = at[6]; REAL *p7 = at[7]; REAL *p8 = at[8];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec v4 = vec_load(p4 + c);
            vec v5 = vec_load(p5 + c);
            vec v6 = vec_load(p6 + c);
            vec v7 = vec_load(p7 + c);
            vec v8 = vec_load(p8 + c);
            vec r0 = v0 + v3;
            vec r1 = r0 - v4;
            vec r2 = v2 + v4;
            vec r3 = v1 + v3;
            vec r4 = v0 - v1;
            vec r5 = r4 + v2;
            vec r6 = v5 + r1;
            vec r7 = v6 + r2;
            vec r8 = v7 + r3;
            vec r9 = v8 + r5;
            SUMS_STREAM(p5 + c, r6);
            SUMS_STREAM(p6 + c, r7);
            SUMS_STREAM(p7 + c, r8);
            SUMS_STREAM(p8 + c, r9);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec v4 = vec_load(p4 + c);
        vec v5 = vec_load(p5 + c);
        vec v6 = vec_load(p6 + c);
        vec v7 = vec_load(p7 + c);
        vec v8 = vec_load(p8 + c);
        vec r0 = v0 + v3;
        vec r1 = r0 - v4;
        vec r2 = v2 + v4;
        vec r3 = v1 + v3;
        vec r4 = v0 - v1;
        vec r5 = r4 + v2;
        vec r6 = v5 + r1;
        vec r7 = v6 + r2;
        vec r8 = v7 + r3;
        vec r9 = v8 + r5;
        vec_store(p5 + c, r6);
        vec_store(p6 + c, r7);
        vec_store(p7 + c, r8);
        vec_store(p8 + c, r9);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL v4 = *(p4 + c);
        REAL v5 = *(p5 + c);
        REAL v6 = *(p6 + c);
        REAL v7 = *(p7 + c);
        REAL v8 = *(p8 + c);
        REAL r0 = v0 + v3;
        REAL r1 = r0 - v4;
        REAL r2 = v2 + v4;
        REAL r3 = v1 + v3;
        REAL r4 = v0 - v1;
        REAL r5 = r4 + v2;
        REAL r6 = v5 + r1;
        REAL r7 = v6 + r2;
        REAL r8 = v7 + r3;
        REAL r9 = v8 + r5;
        SUMS_PUT(p5 + c, r6);
        SUMS_PUT(p6 + c, r7);
        SUMS_PUT(p7 + c, r8);
        SUMS_PUT(p8 + c, r9);
    }
}

static void SL_NAME(sums_13)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec r0 = v0 + v2;
            vec r1 = v1 + v2;
            SUMS_STREAM(p3 + c, r0);
            SUMS_STREAM(p4 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec r0 = v0 + v2;
        vec r1 = v1 + v2;
        vec_store(p3 + c, r0);
        vec_store(p4 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL r0 = v0 + v2;
        REAL r1 = v1 + v2;
        SUMS_PUT(p3 + c, r0);
        SUMS_PUT(p4 + c, r1);
    }
}

static void SL_NAME(sums_14)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec r0 = v0 + v2;
            vec r1 = v1 - v2;
            SUMS_STREAM(p3 + c, r0);
            SUMS_STREAM(p4 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec r0 = v0 + v2;
        vec r1 = v1 - v2;
        vec_store(p3 + c, r0);
        vec_store(p4 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL r0 = v0 + v2;
        REAL r1 = v1 - v2;
        SUMS_PUT(p3 + c, r0);
        SUMS_PUT(p4 + c, r1);
    }
}

static void SL_NAME(sums_15)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec r0 = v0 + v1;
            SUMS_STREAM(p2 + c, r0);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec r0 = v0 + v1;
        vec_store(p2 + c, r0);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL r0 = v0 + v1;
        SUMS_PUT(p2 + c, r0);
    }
}

static void SL_NAME(sums_16)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v2 - v0;
            vec r1 = v1 - v3;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v2 - v0;
        vec r1 = v1 - v3;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v2 - v0;
        REAL r1 = v1 - v3;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
    }
}

static void SL_NAME(sums_17)(REAL *const *at, int64_t n, int stream)
{
    REAL *p0 = at[0]; REAL *p1 = at[1]; REAL *p2 = at[2]; REAL *p3 = at[3]; REAL *p4 = at[4]; REAL *p5 = at[5];
    int64_t c = 0;
    if (stream)
        for (; c + LANES <= n; c += LANES) {
            vec v0 = vec_load(p0 + c);
            vec v1 = vec_load(p1 + c);
            vec v2 = vec_load(p2 + c);
            vec v3 = vec_load(p3 + c);
            vec r0 = v0 + v1;
            vec r1 = v2 + v3;
            SUMS_STREAM(p4 + c, r0);
            SUMS_STREAM(p5 + c, r1);
        }
    for (; c + LANES <= n; c += LANES) {
        vec v0 = vec_load(p0 + c);
        vec v1 = vec_load(p1 + c);
        vec v2 = vec_load(p2 + c);
        vec v3 = vec_load(p3 + c);
        vec r0 = v0 + v1;
        vec r1 = v2 + v3;
        vec_store(p4 + c, r0);
        vec_store(p5 + c, r1);
    }
    for (; c < n; c++) {
        REAL v0 = *(p0 + c);
        REAL v1 = *(p1 + c);
        REAL v2 = *(p2 + c);
        REAL v3 = *(p3 + c);
        REAL r0 = v0 + v1;
        REAL r1 = v2 + v3;
        SUMS_PUT(p4 + c, r0);
        SUMS_PUT(p5 + c, r1);
    }
}

static void SL_NAME(sums_generated)(int kernel, REAL *const *at, int n_in, int n_mem, int64_t n, int stream)
{
    for (int v = n_in; v < n_mem; v++)
        stream &= ((uintptr_t)at[v] & (SL_WIDTH - 1)) == 0;
    switch (kernel) {
    case 0: SL_NAME(sums_0)(at, n, stream); break;
    case 1: SL_NAME(sums_1)(at, n, stream); break;
    case 2: SL_NAME(sums_2)(at, n, stream); break;
    case 3: SL_NAME(sums_3)(at, n, stream); break;
    case 4: SL_NAME(sums_4)(at, n, stream); break;
    case 5: SL_NAME(sums_5)(at, n, stream); break;
    case 6: SL_NAME(sums_6)(at, n, stream); break;
    case 7: SL_NAME(sums_7)(at, n, stream); break;
    case 8: SL_NAME(sums_8)(at, n, stream); break;
    case 9: SL_NAME(sums_9)(at, n, stream); break;
    case 10: SL_NAME(sums_10)(at, n, stream); break;
    case 11: SL_NAME(sums_11)(at, n, stream); break;
    case 12: SL_NAME(sums_12)(at, n, stream); break;
    case 13: SL_NAME(sums_13)(at, n, stream); break;
    case 14: SL_NAME(sums_14)(at, n, stream); break;
    case 15: SL_NAME(sums_15)(at, n, stream); break;
    case 16: SL_NAME(sums_16)(at, n, stream); break;
    case 17: SL_NAME(sums_17)(at, n, stream); break;
    }
}
