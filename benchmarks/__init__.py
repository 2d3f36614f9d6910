"""What `make bench` runs: each figure as a ratio against a named peer, measured in the same run."""
