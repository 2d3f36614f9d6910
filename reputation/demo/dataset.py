"""The content of the demo's accounts: people, licences, numbers and the enrollment form.

The numbers end in 555-01xx, which the North American Numbering Plan reserves for fiction, so no real number is called
spam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enrollment.questions import Answer
from portal.accounts.licensing import Product
from portal.models import Member, User
from reputation.models import Telephone

PASSWORD = "demo-portal-2026"
CASCADE, HARBOR = "Cascade Solar LLC", "Harbor Dental Group"


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    description: str
    roles: dict[str, str]
    staff_role: str = User.StaffRole.NONE


PEOPLE = (
    Person("dana@cascadesolar.example", "Dana Whitfield", f"owner of {CASCADE}", {CASCADE: Member.Role.OWNER}),
    Person("vic@cascadesolar.example", "Vic Romero", f"viewer of {CASCADE}", {CASCADE: Member.Role.VIEWER}),
    Person(
        "hana@harbordental.example",
        "Hana Okafor",
        f"admin of {HARBOR}, which is not enrolled yet",
        {HARBOR: Member.Role.ADMIN},
    ),
    Person(
        "alex@portal.example",
        "Alex Lindqvist",
        "admin of both, to switch between at the top",
        {CASCADE: Member.Role.ADMIN, HARBOR: Member.Role.ADMIN},
    ),
    Person("riley@portal.example", "Riley Chen", "reviewer", {}, User.StaffRole.REVIEWER),
    Person("olga@portal.example", "Olga Brandt", "operator", {}, User.StaffRole.OPERATOR),
)

# Product, seats, and the first and last day of validity, relative to today.
LICENCES = {
    CASCADE: (
        (Product.CONTACT_CENTER_ELITE, 25, -200, 165),
        (Product.PHONE_PRO, 12, -200, 165),
        (Product.MONITORING_SKU, 5, -200, 165),
        (Product.AUTO_DIALER, 10, -560, -196),
    ),
    HARBOR: ((Product.CONTACT_CENTER_PREMIUM, 40, -20, 345), (Product.MONITORING_SKU, 20, -20, 345)),
}


@dataclass(frozen=True)
class NumberRange:
    """`count` consecutive numbers with one label, from `first` on. The last `byoc_count` of them are BYOC numbers."""

    campaign: str
    label: str
    first: str
    count: int
    byoc_count: int = 0


SPRING, SURVEYS, BATTERY = "Spring renewals", "Bay Area surveys", "Battery upgrades"
NUMBER_RANGES = (
    NumberRange(SPRING, "Seattle outbound", "206 555 0141", 6, byoc_count=2),
    NumberRange(SPRING, "Bellevue outbound", "425 555 0110", 3),
    NumberRange(SPRING, "Portland outbound", "503 555 0162", 4, byoc_count=4),
    NumberRange(SPRING, "Boise outbound", "208 555 0124", 2),
    NumberRange(SPRING, "Phoenix outbound", "602 555 0131", 4),
    NumberRange(SPRING, "Denver outbound", "303 555 0155", 3, byoc_count=1),
    NumberRange(SPRING, "Austin outbound", "512 555 0102", 3),
    NumberRange(SURVEYS, "San Francisco panel", "415 555 0117", 5),
    NumberRange(SURVEYS, "Oakland panel", "510 555 0170", 4, byoc_count=4),
    NumberRange(SURVEYS, "San Jose panel", "408 555 0134", 3),
    NumberRange(BATTERY, "Sacramento", "916 555 0148", 3),
    NumberRange(BATTERY, "Los Angeles", "213 555 0183", 3, byoc_count=3),
    NumberRange(BATTERY, "San Diego", "619 555 0106", 3),
    NumberRange(BATTERY, "Las Vegas", "702 555 0195", 2),
    NumberRange(BATTERY, "Vancouver", "604 555 0121", 1),
    NumberRange("", "Front desk Seattle", "206 555 0100", 1),
    NumberRange("", "Support line", "800 555 0199", 1),
    NumberRange("", "Spokane office", "509 555 0150", 2),
    NumberRange("", "Tacoma office", "253 555 0137", 2, byoc_count=2),
    NumberRange("", "Honolulu office", "808 555 0113", 1),
    NumberRange("", "San Juan office", "787 555 0126", 1),
    NumberRange("", "Toronto supplier desk", "416 555 0144", 1, byoc_count=1),
    NumberRange("", "Kingston project", "876 555 0109", 1, byoc_count=1),
)
DEFAULT_CALLER_IDS = {SPRING: "+12065550141", SURVEYS: "+14155550118", BATTERY: "+19165550148"}
# Off, so that a visitor can enable some.
UNMONITORED_LABELS = (
    "Austin outbound",
    "Las Vegas",
    "Vancouver",
    "Tacoma office",
    "Honolulu office",
    "San Juan office",
    "Toronto supplier desk",
    "Kingston project",
)
# Monitored for HISTORY_DAYS when the demo starts, so that pages show a history. The others are being verified.
MONITORED_LABELS = (
    "Seattle outbound",
    "Bellevue outbound",
    "Portland outbound",
    "Denver outbound",
    "San Francisco panel",
    "Oakland panel",
    "Front desk",
    "Support line",
)
HISTORY_DAYS = 20
HISTORY_STEP_DAYS = 1 / 2
# Calls of the dialer, roughly, on each of these days and today.
CALL_HISTORY_DAYS = 20
CALLS_PER_DAY = {SPRING: 1_400, SURVEYS: 640, BATTERY: 360}

# The telephones that test calls go to, by number. The first is proven.
TELEPHONES: dict[str, dict[str, Any]] = {
    "206 555 0180": {
        "name": "Dana's phone",
        "carrier": "T-Mobile",
        "plan": Telephone.Plan.POSTPAID,
        "make": "Google",
        "system": Telephone.System.ANDROID,
        "protection": {"android_caller_id": True, "android_filter": False, "carrier_blocking": False},
    },
    "206 555 0181": {
        "name": "Office phone",
        "carrier": "Verizon",
        "plan": Telephone.Plan.POSTPAID,
        "make": "Apple",
        "system": Telephone.System.IOS,
        "protection": {"ios_silence_unknown": False, "ios_screening": False},
    },
}
ROUND_MINUTES = 75
LABEL_SHOWN = "Scam Likely"

BUSINESS = {
    "legal_name": "Cascade Solar LLC",
    "trade_name": "Cascade Solar",
    "business_type": "llc",
    "industry": "energy",
    "ein": "91-2345678",
    "duns": "",
    "employees": "51-200",
    "website": "https://www.cascadesolar.example",
    "street": "1200 Fifth Avenue, Suite 600",
    "city": "Seattle",
    "state": "WA",
    "zip_code": "98101",
    "use_case": "telemarketing",
    "use_case_details": "We call customers whose service contract ends within 90 days, and households that asked for "
    "an offer on our website in the last 60 days.",
    "on_behalf": "own",
    "calls_per_day": "2400",
    "number_count": "45",
    "phone_company": "Our contact center's own numbers; Lumen for those we brought along",
    "complaints": "Whoever complains to an agent is put on our do-not-call list during the call. A supervisor calls "
    "back within two business days.",
    "contact_name": "Dana Whitfield",
    "contact_title": "Head of Customer Operations",
    "contact_phone": "206 555 0100",
    "contact_email": "dana@cascadesolar.example",
}
# All other questions are answered with Yes.
ANSWERS = {
    "recorded_or_ai_voice_rules": (Answer.NOT_APPLICABLE, "We use no recorded messages and no AI voice."),
    "reassigned_number_check": (Answer.NO, "From January we check the Reassigned Numbers Database every month."),
}
