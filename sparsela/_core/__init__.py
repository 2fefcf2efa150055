"""What every room stands on: operators, validation, results, random streams, threads, the sparse backend."""
