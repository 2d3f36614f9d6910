"""The providers in use, and their instances. settings.PROVIDERS lists built-in names and dotted paths of classes.

To add a provider, write a class as `protocol.Provider` describes it anywhere on the Python path, and add its dotted
path, as in PROVIDERS=complaints,acme.reputation.Acme. Its engines are created at the next start. docs/providers.md
builds one.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.module_loading import import_string

from reputation.models import Connection, Engine
from reputation.providers.protocol import (
    ALL_OPERATIONS,
    ConnectionSettings,
    EngineInfo,
    Limits,
    Prices,
    Provider,
    Role,
    get_operations,
)

BUILT_IN = {
    "simulated": "reputation.providers.simulated.SimulatedProvider",
    "complaints": "reputation.providers.complaints.ComplaintsProvider",
    "fcc": "reputation.providers.complaints.FccProvider",
    "handset": "reputation.providers.handset.HandsetProvider",
    "desk": "reputation.providers.desk.DeskProvider",
}
MAX_NAME_LENGTH: int = Connection._meta.get_field("provider").max_length or 0
MAX_SLUG_LENGTH: int = Engine._meta.get_field("slug").max_length or 0
MAX_ENGINE_NAME_LENGTH: int = Engine._meta.get_field("name").max_length or 0
# Instances that are kept. A process rarely calls over more connections than this.
MAX_INSTANCES = 256


def get_providers() -> dict[str, type[Provider]]:
    """The classes of the providers in use, by name, in the order of PROVIDERS.

    Raises ImproperlyConfigured if an entry of PROVIDERS is wrong.
    """
    return _load_providers(tuple(settings.PROVIDERS))


def create_provider(connection: Connection) -> Provider:
    """The instance for this connection. Another one is created once the settings of the connection have changed."""
    values = json.dumps(connection.settings, sort_keys=True, cls=DjangoJSONEncoder)
    return _create_provider(get_providers()[connection.provider], connection.pk, connection.account_id, values)


def find_faults(provider: Any) -> Iterator[str]:
    """What keeps this class from being a provider, one sentence for each fault."""
    name = getattr(provider, "name", None)
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_LENGTH:
        yield f"`name` must be a text of 1 to {MAX_NAME_LENGTH} characters."
    if not isinstance(getattr(provider, "limits", None), Limits):
        yield "`limits` must be a Limits."
    if not isinstance(getattr(provider, "prices", None), Prices):
        yield "`prices` must be a Prices."
    roles = getattr(provider, "roles", None)
    if not isinstance(roles, frozenset) or not roles or not all(isinstance(role, Role) for role in roles):
        yield "`roles` must be a frozenset of one Role or more."
    else:
        yield from _find_wrong_operations(provider, roles)
    if not inspect.ismethod(getattr(provider, "engines", None)):
        yield "`engines` must be a classmethod."
    else:
        yield from _find_wrong_engines(provider.engines())


def _find_wrong_operations(provider: Any, roles: frozenset[Role]) -> Iterator[str]:
    needed = get_operations(provider)
    names = ", ".join(sorted(role.value for role in roles))
    for operation in ALL_OPERATIONS:
        has_operation = callable(getattr(provider, operation, None))
        if operation in needed and not has_operation:
            yield f"It lacks the operation {operation}, which its roles ({names}) need."
        if operation not in needed and has_operation:
            yield f"It has the operation {operation}, which none of its roles ({names}) needs."


def _find_wrong_engines(engines: Any) -> Iterator[str]:
    if not isinstance(engines, list) or not all(isinstance(engine, EngineInfo) for engine in engines):
        yield "`engines()` must return a list of EngineInfo."
        return
    slugs = [engine.slug for engine in engines]
    if len(slugs) != len(set(slugs)):
        yield "`engines()` returns an engine twice."
    for engine in engines:
        if not 1 <= len(engine.slug) <= MAX_SLUG_LENGTH or not 1 <= len(engine.name) <= MAX_ENGINE_NAME_LENGTH:
            yield (
                f"The engine {engine.slug!r} needs a slug of 1 to {MAX_SLUG_LENGTH} and a name of 1 to "
                f"{MAX_ENGINE_NAME_LENGTH} characters."
            )


@lru_cache(maxsize=8)
def _load_providers(names: tuple[str, ...]) -> dict[str, type[Provider]]:
    providers: dict[str, type[Provider]] = {}
    for name in names:
        provider = _load_provider(name)
        if provider.name in providers:
            raise ImproperlyConfigured(f"PROVIDERS names the provider {provider.name} twice.")
        providers[provider.name] = provider
    return providers


def _load_provider(name: str) -> type[Provider]:
    try:
        provider = import_string(BUILT_IN.get(name, name))
    except ImportError as error:
        raise ImproperlyConfigured(
            f"PROVIDERS names {name!r}, which is neither built in ({', '.join(BUILT_IN)}) nor the dotted path of a "
            f"provider's class: {error}."
        ) from error
    faults = list(find_faults(provider)) if isinstance(provider, type) else ["It is not a class."]
    if faults:
        raise ImproperlyConfigured(f"PROVIDERS names {name!r}, which is no provider. {' '.join(faults)}")
    return provider


@lru_cache(maxsize=MAX_INSTANCES)
def _create_provider(provider: type[Provider], connection_id: int, account_id: int | None, values: str) -> Provider:
    return provider(ConnectionSettings(connection_id, account_id, json.loads(values)))
