"""What each product includes, and the check of a change of licences. Source: *Requirements* in the specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from portal.models import Account, Licence, Product

# Each covers the numbers in outbound dialer campaigns, without a seat of the SKU.
CAMPAIGN_PRODUCTS = frozenset({Product.CONTACT_CENTER_PREMIUM, Product.CONTACT_CENTER_ELITE, Product.AUTO_DIALER})
# Any other number needs one of these products and a free seat of the SKU.
BASE_PRODUCTS = frozenset(Product) - {Product.MONITORING_SKU}
SEAT_PRODUCT = Product.MONITORING_SKU

# Counts the numbers that lose their monitoring if an account has these licences instead of its own.
CoverageCheck = Callable[[Account, Sequence[Licence], datetime], int]
_checks: list[CoverageCheck] = []


def register_coverage_check(check: CoverageCheck) -> None:
    """Register the check of a change of licences. For apps that import this one."""
    _checks.append(check)


def count_losing_monitoring(account: Account, licences: Sequence[Licence], now: datetime) -> int:
    """For how many numbers monitoring ends if the account has these licences instead of its own."""
    return sum(check(account, licences, now) for check in _checks)
