"""A portal with one of everything that invariants are about, made as the portal makes it."""

import pytest
from django.utils import timezone

from portal.audit import Context
from reputation.invariants.all import INVARIANTS
from reputation.invariants.registry import check, repair
from tests.reputation.invariants.sound import SoundPortal, create_sound_portal


@pytest.fixture
def portal(provider, enrolled_account, actor) -> SoundPortal:
    return create_sound_portal(provider, enrolled_account, Context(actor, timezone.now()))


@pytest.fixture
def repair_all():
    """Repair what can be repaired; return the number of rows by the name of the invariant."""

    def run() -> dict[str, int]:
        now = timezone.now()
        return repair(check(INVARIANTS, now), now)

    return run
