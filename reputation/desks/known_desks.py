"""The remediation desks that the portal ships with: data with source, date and certainty, written once.

No form was opened: addresses come from others unless a desk says otherwise. Operators correct them in Django admin, and
neither an edit nor a deletion is undone. A desk without an address that could be read is shipped out of use.

`answer_days` are this project's figures, from the times that desks and others tell. The desks promise none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from reputation.models import Desk, Engine, ShippedDesk

Kind = Desk.Kind
Form = Desk.Form
Certainty = Desk.Certainty

_FORM_CODE = (
    "Public code that fills the form, and help pages of other vendors, 2025-26. The form itself was not opened."
)


@dataclass(frozen=True)
class KnownDesk:
    slug: str
    name: str
    kind: Kind
    form: Form
    answer_days: int
    certainty: Certainty
    engines: tuple[str, ...] = ()
    carrier: str = ""
    registers: bool = False
    reviews: bool = True
    address: str = ""
    email: str = ""
    usual_time: str = ""
    daily_limit: int | None = None
    notes: str = ""
    source: str = _FORM_CODE
    read_on: date = date(2026, 11, 27)
    in_use: bool = True


REGISTRY = KnownDesk(
    "free-caller-registry",
    "Free Caller Registry",
    Kind.REGISTRY,
    Form.REGISTRY_SHEET,
    10,
    Certainty.SECONDARY,
    engines=("first-orion", "hiya", "tns"),
    registers=True,
    address="https://www.freecallerregistry.com/fcr/",
    usual_time="A few days to 6 weeks, as others tell; the three engines answer apart",
    notes="US numbers, voice only, and only the business that uses the numbers itself. It wants a work e-mail address, "
    "to which no-reply@tnsi.com mails a code of 5 digits. Up to 20 numbers are typed, more go as a spreadsheet. "
    "The mail of each engine may ask for an account. Support: FCRsupport@firstorion.com, "
    "freecallerregistry@hiya.com, communications@tnsi.com (help page of Microsoft, April 2025).",
    source="Public code that fills the form, 2025, and help pages of Bandwidth, Azure, Twilio and Revenue.io. The form "
    "itself was not opened.",
)

ENGINE_DESKS = (
    KnownDesk(
        "hiya",
        "Hiya",
        Kind.ENGINE,
        Form.HIYA_TEXT,
        7,
        Certainty.SECONDARY,
        engines=("hiya",),
        address="https://hiyahelp.zendesk.com/hc/en-us/requests/new?ticket_form_id=824667",
        usual_time="3 business days to about a week, as others tell",
        notes="A web ticket with the e-mail address, a description, the type (business), the business name, "
        "website and phone numbers, a name, and a consent box. "
        "Guided: https://hiyahelp.zendesk.com/hc/en-us/p/screening/. "
        "A label belongs to a call, not to a number. Sending the same request again does nothing by itself. "
        "Registration is free at Hiya Connect.",
    ),
    KnownDesk(
        "first-orion",
        "First Orion",
        Kind.ENGINE,
        Form.PURPOSE_CSV,
        10,
        Certainty.SECONDARY,
        engines=("first-orion",),
        registers=True,
        address="https://firstorion.com/register-your-number/",
        usual_time="Not told",
        notes="Also https://calltransparency.com; the portal is https://portal.firstorion.com. Registration is free. "
        "Numbers whose ownership cannot be shown are removed. It hears appeals after registration and good calling.",
    ),
    KnownDesk(
        "tns",
        "TNS",
        Kind.ENGINE,
        Form.REGISTRY_SHEET,
        20,
        Certainty.SECONDARY,
        engines=("tns",),
        address="https://reportarobocall.com/trf/",
        email="communications@tnsi.com",
        usual_time="Not told. The slowest of the three engines, as others tell, and may not answer",
        notes="Choose enterprise, then claim. It asks what the registry asks, and mails a code.",
    ),
    KnownDesk(
        "transunion",
        "TransUnion",
        Kind.ENGINE,
        Form.HIYA_TEXT,
        10,
        Certainty.UNVERIFIED,
        notes="Formerly Neustar. By contract only (Caller Name Optimization, Trusted Call Solutions): no public form "
        "was found.",
        source="Help pages of other vendors, 2025-26.",
        in_use=False,
    ),
)

CARRIER_DESKS = (
    KnownDesk(
        "att",
        "AT&T",
        Kind.CARRIER,
        Form.HIYA_TEXT,
        7,
        Certainty.SECONDARY,
        engines=("hiya",),
        carrier="AT&T",
        address="https://www.att.com/reviewmycalllabel",
        notes="What it asks was not read. It leads to Hiya.",
    ),
    KnownDesk(
        "t-mobile",
        "T-Mobile",
        Kind.CARRIER,
        Form.ONE_BY_ONE,
        10,
        Certainty.SECONDARY,
        engines=("first-orion",),
        carrier="T-Mobile",
        address="https://callreporting.t-mobile.com/",
        daily_limit=10,
        notes="One number at a time: business, contact, a page to review, a captcha. It leads to First Orion.",
    ),
    KnownDesk(
        "verizon",
        "Verizon",
        Kind.CARRIER,
        Form.REGISTRY_SHEET,
        20,
        Certainty.UNVERIFIED,
        engines=("tns",),
        carrier="Verizon",
        address="https://voicespamfeedback.com/vsf/",
        notes="Type: enterprise. Advice: https://voicespamfeedback.com/vsf/bestPractices. It leads to TNS. Sources "
        "disagree whether it helps: try it, and fall back to the registry.",
    ),
)

BLOCK_REDRESS = KnownDesk(
    "block-redress",
    "The carrier that blocked the call",
    Kind.BLOCK,
    Form.BLOCK_REDRESS,
    2,
    Certainty.SECONDARY,
    address="https://www.ustelecom.org/the-industry-traceback-group-itg/call-labeling-and-blocking-points-of-contact/",
    usual_time="A status within 24 hours, by 47 CFR 64.1200(k)(8)",
    notes="The address is the directory of all carriers' contacts. A 603+ answer names the carrier's own address: "
    "prefer that one. The carrier may charge nothing.",
    source="47 CFR 64.1200(k)(8); the address of the directory from help pages of Telnyx, August 2026.",
)

# What could be read about apps is too little to send anything: an operator enters an address and puts them into use.
APP_DESKS = (
    KnownDesk(
        "nomorobo",
        "Nomorobo",
        Kind.APP,
        Form.ONE_BY_ONE,
        10,
        Certainty.UNVERIFIED,
        notes="No form for appeals could be read. One source says to use the look-up page of the number, "
        "nomorobo.com/lookup/ and the number.",
        source="A runbook of another vendor.",
        in_use=False,
    ),
    KnownDesk(
        "youmail",
        "YouMail",
        Kind.APP,
        Form.ONE_BY_ONE,
        10,
        Certainty.UNVERIFIED,
        notes="No form for businesses was read. Its directory has a page for each number.",
        source="No source was read.",
        in_use=False,
    ),
    KnownDesk(
        "robokiller",
        "RoboKiller",
        Kind.APP,
        Form.ONE_BY_ONE,
        10,
        Certainty.UNVERIFIED,
        address="https://support.robokiller.com",
        notes="The address is that of its help pages. No form was read.",
        source="Help pages of other vendors, 2025-26.",
        in_use=False,
    ),
    KnownDesk(
        "truecaller",
        "Truecaller",
        Kind.APP,
        Form.ONE_BY_ONE,
        10,
        Certainty.SECONDARY,
        reviews=False,
        address="https://www.truecaller.com/unlisting",
        notes="It takes a number out of the directory, which is no appeal against a spam mark, and needs the account "
        "on that number closed first.",
        source="Help pages of other vendors, 2025-26.",
        in_use=False,
    ),
)

KNOWN_DESKS = (REGISTRY, *ENGINE_DESKS, *CARRIER_DESKS, BLOCK_REDRESS, *APP_DESKS)


def create_known_desks() -> None:
    """Writes those of KNOWN_DESKS that were never written. Their engines have to exist."""
    written = set(ShippedDesk.objects.values_list("slug", flat=True))
    missing = {known.slug: known for known in KNOWN_DESKS if known.slug not in written}
    if not missing:
        return
    with transaction.atomic():
        ShippedDesk.objects.bulk_create([ShippedDesk(slug=slug) for slug in missing], ignore_conflicts=True)
        for slug in Desk.objects.filter(slug__in=missing).values_list("slug", flat=True):
            del missing[slug]
        Desk.objects.bulk_create([_build(known) for known in missing.values()], ignore_conflicts=True)
        _link_engines(missing)


def _build(known: KnownDesk) -> Desk:
    values = {name: value for name, value in vars(known).items() if name != "engines"}
    return Desk(**values)


def _link_engines(written: dict[str, KnownDesk]) -> None:
    desks = dict(Desk.objects.filter(slug__in=written).values_list("slug", "pk"))
    engines = dict(Engine.objects.values_list("slug", "pk"))
    Desk.engines.through.objects.bulk_create(
        [
            Desk.engines.through(desk_id=desks[slug], engine_id=engines[engine])
            for slug, known in written.items()
            for engine in known.engines
            if engine in engines
        ],
        ignore_conflicts=True,
    )
