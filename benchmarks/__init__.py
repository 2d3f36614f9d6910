"""The benchmarks of `make bench`. Each compares a figure with a named peer, measured in the same run."""
