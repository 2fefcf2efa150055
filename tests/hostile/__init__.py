"""Fuzzing of every public name with arrays that no example in a manual shows; ``python -m tests.hostile N`` runs longer."""
