"""Benchmarks: `make bench` prints ratios against something measured in the same run. Nothing here is a test."""
