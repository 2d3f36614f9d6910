"""A fresh portal and the demo violate no invariant."""

import re

import pytest
from django.core.management import call_command
from django.utils import timezone

from reputation.demo import data
from reputation.invariants.all import INVARIANTS
from reputation.invariants.registry import check
from reputation.monitoring.engines import sync_engines

pytestmark = pytest.mark.django_db


def test_a_fresh_portal_violates_nothing(capsys):
    call_command("check_invariants")

    assert re.fullmatch(rf"{len(INVARIANTS)} invariants checked in [\d.]+ s: all hold.\n", capsys.readouterr().out)


def test_the_demo_violates_nothing(settings, tmp_path, now):
    settings.SIMULATED_DIR = settings.DATA_DIR = tmp_path
    settings.PROVIDERS = ["simulated", "complaints", "handset", "desk"]
    sync_engines()
    data.seed(now=now)

    # No worker runs yet, so what the history left is still to be done.
    found = {violation.invariant.name: violation.keys for violation in check(INVARIANTS, timezone.now())}
    found.pop("late_work")
    assert found == {}


def test_each_invariant_has_a_name_of_its_own():
    assert len({invariant.name for invariant in INVARIANTS}) == len(INVARIANTS)
