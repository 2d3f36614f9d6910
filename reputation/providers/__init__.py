"""Providers, through which the portal talks to engines. `protocol` has the interface, `registry` those in use."""
