"""Scripts that measure; never part of the tests. Results are committed in benchmarks/results with the machine they ran on."""
