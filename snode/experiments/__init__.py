"""Runs, their checkpoints, measurements and results: what surrounds the mathematics of `snode`."""
