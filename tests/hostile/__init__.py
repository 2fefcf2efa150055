"""Fuzzing of every public name with arrays that no example in a manual shows; ``make fuzz`` runs longer."""
