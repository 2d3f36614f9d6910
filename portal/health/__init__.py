"""Whether this portal works, for monitoring: /healthz and /readyz."""
