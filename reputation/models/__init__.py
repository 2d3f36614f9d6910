from reputation.models.campaigns import Campaign
from reputation.models.cases import Case, Submission
from reputation.models.confirmations import Confirmation, ConfirmationNumber
from reputation.models.engines import Check, Engine, Registration, Tag
from reputation.models.numbers import PhoneNumber

__all__ = [
    "Campaign",
    "Case",
    "Check",
    "Confirmation",
    "ConfirmationNumber",
    "Engine",
    "PhoneNumber",
    "Registration",
    "Submission",
    "Tag",
]
