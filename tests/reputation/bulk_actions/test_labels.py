"""The words of bulk actions hold with the providers in use."""

import pytest

from reputation.bulk_actions.labels import get_action_labels
from reputation.models import BulkAction
from reputation.providers import registry

ENABLE = BulkAction.Action.ENABLE


@pytest.fixture
def use(settings):
    def use_providers(*names):
        settings.PROVIDERS = list(names)
        registry._load_providers.cache_clear()

    yield use_providers
    registry._load_providers.cache_clear()


def test_window_promises_no_verification_where_nobody_registers(use):
    use("complaints", "fcc", "handset", "desk")
    labels = get_action_labels(ENABLE)
    words = " ".join((labels.will, labels.afterwards, labels.afterwards_of_one, *labels.notes))
    assert "verif" not in words
    assert "Monitoring is on at once" in words


def test_window_says_that_the_verification_takes_days_where_a_provider_registers(use):
    use("simulated")
    assert (
        "The verification may take several days. Its state shows under Capability." in get_action_labels(ENABLE).notes
    )
