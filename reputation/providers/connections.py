"""The connections to call over: an account's own to a provider, or else the operator's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import OuterRef, Q, QuerySet

from portal.db.in_list import in_list
from reputation.models import Connection, EngineRole, Registration, Submission
from reputation.providers.protocol import Role, acts_by_people
from reputation.providers.registry import get_providers


@dataclass(frozen=True)
class Connections:
    """The active connections of some accounts to the providers in use, by provider and account id (None: operator)."""

    by_owner: dict[tuple[str, int | None], Connection]

    @classmethod
    def load(cls, account_ids: Iterable[int]) -> Connections:
        """One query. Leaves out connections to providers that are not in use."""
        active = Connection.objects.active().select_related("account")
        rows = active.filter(
            Q(account__isnull=True) | Q(account__in=in_list(set(account_ids))), provider__in=list(get_providers())
        )
        return cls({(connection.provider, connection.account_id): connection for connection in rows})

    def get(self, provider: str, account_id: int) -> Connection | None:
        """The connection over which this provider is called for this account. None: it is not called."""
        own = self.by_owner.get((provider, account_id))
        return own or self.by_owner.get((provider, None))

    def __iter__(self) -> Iterator[Connection]:
        """In the order of PROVIDERS, so that calls are made in the same order every time."""
        order = list(get_providers())
        return iter(
            sorted(self.by_owner.values(), key=lambda connection: (order.index(connection.provider), connection.pk))
        )


Request = TypeVar("Request", bound=Registration | Submission)


def group_by_connection(requests: Iterable[Request], role: str) -> dict[Connection, list[Request]]:
    """The requests by the connection that they go over: of the provider with the role for their engine.

    Leaves out requests that no provider in use takes, that people make, or that have no connection. Select the case of
    a submission with it. Two queries.
    """
    requests = list(requests)
    providers = get_assigned_providers(role)
    connections = Connections.load(_get_account_id(request) for request in requests)
    grouped: dict[Connection, list[Request]] = {connection: [] for connection in connections}
    for request in requests:
        provider = providers.get(request.engine_id)
        if (
            provider
            and not acts_by_people(get_providers()[provider])
            and (connection := connections.get(provider, _get_account_id(request)))
        ):
            grouped[connection].append(request)
    return {connection: of_connection for connection, of_connection in grouped.items() if of_connection}


def get_assigned_providers(role: str) -> dict[int, str]:
    """The provider in use that registers, or that remediates, by engine id."""
    assigned = EngineRole.objects.filter(role=role, engine__in_use=True, provider__in=list(get_providers()))
    return dict(assigned.order_by("pk").values_list("engine_id", "provider"))


def is_anyone_asked_by_people() -> bool:
    """Whether a provider in use lets the account's own people ask for the removal of labels. No query."""
    return any(acts_by_people(provider) for provider in get_providers().values())


def is_anyone_asked_by_providers() -> bool:
    """Whether a provider in use asks engines to remove labels, without the account's people. No query."""
    return any(
        Role.REMEDIATE in provider.roles and not acts_by_people(provider) for provider in get_providers().values()
    )


def get_roles_of_people(engine: str) -> QuerySet[Any]:
    """The roles of providers that let people ask the engine in the outer query's column `engine` to remove labels."""
    of_people = [slug for slug, provider in get_providers().items() if acts_by_people(provider)]
    return EngineRole.objects.filter(
        role=EngineRole.Role.REMEDIATE, engine=OuterRef(engine), engine__in_use=True, provider__in=of_people
    )


def get_engines_asked_by_people() -> set[int]:
    """The engines whose labels the account's own people ask to remove. One query, none without such a provider."""
    if not is_anyone_asked_by_people():
        return set()
    assigned = get_assigned_providers(EngineRole.Role.REMEDIATE)
    return {engine for engine, provider in assigned.items() if acts_by_people(get_providers()[provider])}


def _get_account_id(request: Registration | Submission) -> int:
    return request.account_id if isinstance(request, Registration) else request.case.account_id
