"""Paired benchmarks against real peers: ``python -m benchmarks [ROOM | ROOM/FILE] [--quick]``; see ``_pairs``."""
