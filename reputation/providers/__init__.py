"""How the portal talks to engines. `protocol` says what a provider is, `registry` which of them are in use."""
