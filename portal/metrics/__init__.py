"""/metrics for Prometheus. All figures come from the database, so that every web process gives the same ones."""
