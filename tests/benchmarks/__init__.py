"""Benchmarks: `make bench` prints ratios against something measured in the same run.

`tests.benchmarks --quick` runs each of them once at its smallest size, to see that they run.
"""
