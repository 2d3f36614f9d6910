"""The headings that each column of an import may have: plain words, Spanish ones, and those of exports.

VICIdial: `list_download.php` writes *areacodestate, cid, description, active* for a caller ID group. The others are
    columns of its database: `vicidial_campaign_cid_areacodes`, `vicidial_inbound_dids`, `vicidial_campaigns`.
Telnyx: *number_val_e164* is in the CSV of version 1 (`GET /origination/numbers.csv`). The others are fields of the API.
Twilio: the API's CSV has *PhoneNumber* and *FriendlyName*.
Bandwidth: *FullNumber* is a field of the API. The columns of its reports are not documented.
FusionPBX: `destination_download.php` and `extension_download.php`.
PBXware and Yeastar: their documentation of DIDs.
ASTPP: `did_export_data_xls` writes *DID, Country, Account, ...*.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

MAX_COLUMNS = 500
# Of a heading, or of a cell of the sample.
MAX_STORED_LENGTH = 60

# In lower case, letters and digits only, in the singular. If several match, the first one in this list wins.
HEADING_ALIASES: dict[str, tuple[str, ...]] = {
    "number": (
        "e164",
        "e164number",
        "phonenumbere164",
        "numbervale164",  # Telnyx
        "numbere164",
        "number",
        "phonenumber",
        "phone",
        "phoneno",
        "fullnumber",  # Bandwidth
        "telephonenumber",
        "telephone",
        "tel",
        "tn",
        "did",
        "didnumber",
        "didpattern",  # VICIdial, Yeastar
        "didchannel",  # PBXware
        "ddi",
        "ddinumber",
        "callerid",
        "calleridnumber",
        "calleridnum",
        "outboundcid",  # VICIdial, FreePBX
        "outboundcallerid",  # Yeastar
        "outboundcalleridnumber",  # FusionPBX
        "effectivecalleridnumber",
        "emergencycalleridnumber",
        "outboundnumber",
        "campaigncid",  # VICIdial
        "cid",  # VICIdial
        "cidnumber",
        "destinationnumber",  # FusionPBX
        "destinationcalleridnumber",
        "ani",
        "cli",
        "msisdn",
        "nr",  # PBXware: nr1, E164nr1
        "e164nr",
        "linenumber",
        "line",
        "mobilenumber",
        "numero",
        "numerodetelefono",
        "numerostelefonico",
        "numerotelefonico",
        "numerosdetelefono",
        "telefono",
        "telefonico",
        "numerodid",
        "numerosaliente",
        "identificadordellamada",
        "idllamada",
        "linea",
        "movil",
        "celular",
    ),
    "label": (
        "label",
        "friendlyname",
        "displayname",
        "businessdisplayname",
        "didname",
        "name",
        "description",
        "ciddescription",  # VICIdial
        "diddescription",
        "destinationdescription",  # FusionPBX
        "destinationcalleridname",
        "outboundcalleridname",
        "effectivecalleridname",
        "calleridname",
        "alias",
        "nickname",
        "customerreference",
        "etiqueta",
        "nombre",
        "nombredescriptivo",
        "descripcion",
    ),
    "source": (
        "source",
        "numbersource",
        "numbertype",
        "type",
        "origin",
        "carriertype",
        "phonenumbertype",
        "origen",
        "fuente",
        "tipo",
        "tipodenumero",
    ),
    "campaign": (
        "campaign",
        "campaignname",
        "dialercampaign",
        "outboundcampaign",
        "campaignid",
        "campana",
        "nombredecampana",
        "nombredelacampana",
    ),
    "country": (
        "countryiso",
        "countryisoalpha2",  # Telnyx
        "countryiso2",
        "isocountry",
        "countrycode",
        "country",
        "callingcode",
        "pais",
        "codigodepais",
        "codigopais",
        "codigodelpais",
    ),
}
_RANKS = {name: (role, rank) for role, names in HEADING_ALIASES.items() for rank, name in enumerate(names)}
# What a row with a heading of numbers is worth more than one without.
NUMBER_HEADING = 1_000


def normalize_heading(heading: str) -> str:
    """Lower-case letters and digits without accents."""
    plain = unicodedata.normalize("NFKD", heading).casefold()
    return re.sub(r"[^a-z0-9]", "", plain)


@lru_cache(maxsize=2048)
def find_role(heading: str) -> tuple[str, int] | None:
    """Return what a column with this heading is, and the rank of the heading among those that mean the same.

    A plural, or a number at the end as in *Number 1*, does not matter.
    """
    name = normalize_heading(heading[:200])
    if name in _RANKS:
        return _RANKS[name]
    counted = re.sub(r"\d+$", "", name)
    return _RANKS.get(name.removesuffix("s")) or _RANKS.get(counted) or _RANKS.get(counted.removesuffix("s"))


def rate_headings(cells: list[str]) -> int:
    """How well cells serve as headings: how many are known, and more if one is for numbers. 0 if none is known."""
    roles = [found[0] for cell in cells if (found := find_role(cell))]
    return len(roles) + NUMBER_HEADING * ("number" in roles)


def hash_headings(headings: list[str]) -> str:
    """Identify a file's headings, to remember the choices made for them. Case and punctuation do not matter."""
    names = (normalize_heading(heading[:MAX_STORED_LENGTH]) for heading in headings[:MAX_COLUMNS])
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
