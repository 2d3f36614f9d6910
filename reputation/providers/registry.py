"""Which providers are in use: what settings.PROVIDERS names, by a built-in name or by the dotted path of a class.

To add one, write a class with the operations of `protocol.Provider` anywhere on the Python path, and put its dotted
path into PROVIDERS, such as PROVIDERS=complaints,acme.reputation.Acme. Its engines appear by themselves at the next
start. docs/providers.md has a complete example.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from reputation.providers.protocol import Provider

BUILT_IN = {
    "simulated": "reputation.providers.simulated.SimulatedProvider",
    "complaints": "reputation.providers.complaints.ComplaintsProvider",
}


def get_providers() -> dict[str, Provider]:
    """Those in use, by their own name. Raises ImproperlyConfigured, naming what is wrong in PROVIDERS."""
    return _load_providers(tuple(settings.PROVIDERS))


@lru_cache(maxsize=8)
def _load_providers(names: tuple[str, ...]) -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    spoken_for: dict[str, str] = {}
    for name in names:
        provider = _load_provider(name)
        if provider.name in found:
            raise ImproperlyConfigured(f"PROVIDERS names the provider {provider.name} twice.")
        for engine in provider.engines():
            other = spoken_for.setdefault(engine.slug, provider.name)
            if other != provider.name:
                raise ImproperlyConfigured(
                    f"PROVIDERS: both {other} and {provider.name} speak for the engine {engine.slug}. Leave one out."
                )
        found[provider.name] = provider
    return found


def _load_provider(name: str) -> Provider:
    path = BUILT_IN.get(name, name)
    try:
        made = import_string(path)()
    except ImportError as error:
        raise ImproperlyConfigured(
            f"PROVIDERS names {name!r}, which is neither built in ({', '.join(BUILT_IN)}) nor the dotted path of a "
            f"provider's class: {error}."
        ) from error
    if not isinstance(made, Provider) or len(made.name) > 40:
        raise ImproperlyConfigured(
            f"PROVIDERS names {name!r}, which is no provider: it needs `name` (at most 40 characters), `limits`, and "
            "the operations of reputation.providers.protocol.Provider."
        )
    return made
