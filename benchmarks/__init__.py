"""Speed against peers that do the same work: `python -m benchmarks`, or `make bench`."""
