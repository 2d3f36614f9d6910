from reputation.models.bulk_actions import Confirmation, ConfirmationNumber
from reputation.models.calls import CampaignCalls, NumberCalls
from reputation.models.campaigns import Campaign
from reputation.models.cases import Case, Submission
from reputation.models.complaints import Complaint, ComplaintFile
from reputation.models.counts import NumberCount
from reputation.models.engines import Check, Engine, Outage, Registration, Tag
from reputation.models.imports import ImportRow, NumberImport
from reputation.models.numbers import PhoneNumber

__all__ = [
    "Campaign",
    "CampaignCalls",
    "Case",
    "Check",
    "Complaint",
    "ComplaintFile",
    "Confirmation",
    "ConfirmationNumber",
    "Engine",
    "ImportRow",
    "NumberCalls",
    "NumberCount",
    "NumberImport",
    "Outage",
    "PhoneNumber",
    "Registration",
    "Submission",
    "Tag",
]
