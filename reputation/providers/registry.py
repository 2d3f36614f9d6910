"""The providers in use. settings.PROVIDERS lists them, each by a built-in name or the dotted path of a class.

To add a provider, write a class with the operations of `protocol.Provider` anywhere on the Python path, and add its
dotted path, as in PROVIDERS=complaints,acme.reputation.Acme. Its engines are created at the next start.
docs/providers.md has a complete example.
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
    """The providers in use, by name. Raises ImproperlyConfigured if an entry of PROVIDERS is wrong."""
    return _load_providers(tuple(settings.PROVIDERS))


@lru_cache(maxsize=8)
def _load_providers(names: tuple[str, ...]) -> dict[str, Provider]:
    providers: dict[str, Provider] = {}
    provider_of_engine: dict[str, str] = {}
    for name in names:
        provider = _load_provider(name)
        if provider.name in providers:
            raise ImproperlyConfigured(f"PROVIDERS names the provider {provider.name} twice.")
        for engine in provider.engines():
            other = provider_of_engine.setdefault(engine.slug, provider.name)
            if other != provider.name:
                raise ImproperlyConfigured(
                    f"PROVIDERS: both {other} and {provider.name} speak for the engine {engine.slug}. Leave one out."
                )
        providers[provider.name] = provider
    return providers


def _load_provider(name: str) -> Provider:
    path = BUILT_IN.get(name, name)
    try:
        provider = import_string(path)()
    except ImportError as error:
        raise ImproperlyConfigured(
            f"PROVIDERS names {name!r}, which is neither built in ({', '.join(BUILT_IN)}) nor the dotted path of a "
            f"provider's class: {error}."
        ) from error
    if not isinstance(provider, Provider) or len(provider.name) > 40:
        raise ImproperlyConfigured(
            f"PROVIDERS names {name!r}, which is no provider: it needs `name` (at most 40 characters), `limits`, and "
            "the operations of reputation.providers.protocol.Provider."
        )
    return provider
