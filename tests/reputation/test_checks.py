"""System checks report a wrong PROVIDERS at the start."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def test_invalid_provider_setting_fails(settings):
    settings.PROVIDERS = ["simulatd"]
    with pytest.raises(SystemCheckError, match="names 'simulatd'"):
        call_command("check")


@pytest.mark.parametrize("names", [["simulated", "complaints"], ["desk", "simulated"]])
def test_simulated_beside_other_providers_fails(settings, names):
    settings.PROVIDERS, settings.DEMO = names, False
    with pytest.raises(SystemCheckError, match="names simulated beside other providers"):
        call_command("check")


@pytest.mark.parametrize(
    ("names", "demo"),
    [(["simulated", "complaints"], True), (["simulated"], False), (["complaints", "desk"], False), ([], False)],
)
def test_other_combinations_pass(settings, names, demo):
    settings.PROVIDERS, settings.DEMO = names, demo
    call_command("check")
