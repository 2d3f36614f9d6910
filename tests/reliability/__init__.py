"""Faults by the hundred, on real processes. Not part of the suite: a run takes from minutes to hours."""
