from reputation.models.bulk_actions import BulkAction, BulkActionNumber
from reputation.models.calls import CampaignCalls, NumberCalls
from reputation.models.campaigns import Campaign
from reputation.models.cases import Case, Submission
from reputation.models.complaints import Complaint, ComplaintFile
from reputation.models.connections import CarrierEngine, CircuitBreaker, Connection, EngineRole
from reputation.models.counts import NumberCount
from reputation.models.coverage import CoverageLoss
from reputation.models.desks import Desk, DeskLetter, DeskRegistration, DeskReply, DeskRequest, ShippedDesk
from reputation.models.engine_lists import EngineList
from reputation.models.engines import Check, Engine, Registration, Tag
from reputation.models.fcc import FccComplaintCount, FccComplaintDay, FccDataset, FccNumber
from reputation.models.ftc import FtcFile, FtcIndexPage
from reputation.models.imports import ColumnChoice, ImportRow, NumberImport
from reputation.models.label_reports import LabelReport
from reputation.models.numbers import PhoneNumber
from reputation.models.test_calls import ControlCall, LabelPhoto, Telephone, TestCall, Tester, TestRound

__all__ = [
    "BulkAction",
    "BulkActionNumber",
    "Campaign",
    "CampaignCalls",
    "CarrierEngine",
    "Case",
    "Check",
    "CircuitBreaker",
    "ColumnChoice",
    "Complaint",
    "ComplaintFile",
    "Connection",
    "ControlCall",
    "CoverageLoss",
    "Desk",
    "DeskLetter",
    "DeskRegistration",
    "DeskReply",
    "DeskRequest",
    "Engine",
    "EngineList",
    "EngineRole",
    "FccComplaintCount",
    "FccComplaintDay",
    "FccDataset",
    "FccNumber",
    "FtcFile",
    "FtcIndexPage",
    "ImportRow",
    "LabelPhoto",
    "LabelReport",
    "NumberCalls",
    "NumberCount",
    "NumberImport",
    "PhoneNumber",
    "Registration",
    "ShippedDesk",
    "Submission",
    "Tag",
    "Telephone",
    "TestCall",
    "TestRound",
    "Tester",
]
