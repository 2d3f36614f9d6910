"""Runs a task cluster, watches it, and replaces it if it dies or is stuck."""
