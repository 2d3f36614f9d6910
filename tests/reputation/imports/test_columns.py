"""Which column is preselected as what, by heading and content, and what a person may choose."""

import io

import pytest

from portal.files.records import UnreadableFile
from portal.files.tables import find_table
from reputation.imports.columns import TABLE_RULES, Columns, WrongChoice, guess_columns, move_roles, resolve_columns
from reputation.imports.headings import find_role, hash_headings


def guess(text: str, campaigns: dict[str, int] | None = None) -> Columns:
    return guess_columns(find_table(io.BytesIO(text.encode()), TABLE_RULES), campaigns or {})


@pytest.mark.parametrize(
    ("product", "headings"),
    [
        ("VICIdial", {"areacodestate": "", "cid": "number", "description": "label", "active": "",
                      "outbound_cid": "number", "cid_description": "label", "did_pattern": "number",
                      "did_description": "label", "campaign_cid": "number", "campaign_name": "campaign"}),
        ("Telnyx", {"number_val_e164": "number", "phone_number": "number", "country_iso_alpha2": "country",
                    "customer_reference": "label", "connection_name": ""}),
        ("Twilio", {"PhoneNumber": "number", "FriendlyName": "label", "Sid": "", "AccountSid": "",
                    "Phone Number": "number", "Friendly Name": "label"}),
        ("Bandwidth", {"FullNumber": "number", "TN": "number", "Telephone Number": "number"}),
        ("FusionPBX", {"destination_type": "", "destination_number": "number", "destination_prefix": "",
                       "destination_caller_id_number": "number", "destination_caller_id_name": "label",
                       "destination_description": "label", "extension": "", "number_alias": "",
                       "effective_caller_id_number": "number", "effective_caller_id_name": "label",
                       "outbound_caller_id_number": "number", "outbound_caller_id_name": "label",
                       "emergency_caller_id_number": "number"}),
        ("PBXware", {"nr1": "number", "number1": "number", "E164nr1": "number", "did_name": "label"}),
        ("Yeastar", {"DID Number": "number", "DID Pattern": "number", "Outbound Caller ID": "number"}),
        ("ASTPP", {"DID": "number", "Country": "country", "Account": "", "Call Type": "", "Destination": ""}),
        ("plurals", {"Numbers": "number", "DIDs": "number", "TNs": "number", "Caller IDs": "number",
                     "Phone Numbers": "number", "Labels": "label", "Campaigns": "campaign"}),
        ("Spanish", {"Número": "number", "Teléfono": "number", "Números de teléfono": "number", "Etiqueta": "label",
                     "Descripción": "label", "Nombre": "label", "Campaña": "campaign", "Origen": "source",
                     "País": "country"}),
    ],
)  # fmt: skip
def test_headings_of_exports_are_known(product, headings):
    assert {heading: (find_role(heading) or ("",))[0] for heading in headings} == headings


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("areacodestate,cid,description,active\n206,2065550143,Seattle,Y\n425,4255550144,Bellevue,Y\n",
         {"number": 1, "label": 2}),
        ("extension,effective_caller_id_name,effective_caller_id_number,outbound_caller_id_name,"
         "outbound_caller_id_number,emergency_caller_id_number\n"
         "1001,Dana,1001,Seattle,2065550143,2065550199\n1002,Lee,1002,Kent,2535550144,2535550198\n",
         {"number": 4, "label": 3}),
        ("destination_type,destination_number,destination_caller_id_name,destination_caller_id_number,"
         "destination_description\n"
         "inbound,2065550143,Cascade,2065550100,Seattle\ninbound,2535550144,Cascade,2065550100,Kent\n",
         {"number": 1, "label": 4}),
        ("Sid,FriendlyName,AccountSid,PhoneNumber\nPN1,Seattle,AC1,+12065550143\nPN2,Kent,AC1,+12535550144\n",
         {"number": 3, "label": 1}),
    ],
    ids=["VICIdial caller ID group", "FusionPBX extensions", "FusionPBX destinations", "Twilio"],
)  # fmt: skip
def test_of_an_export_the_right_columns_are_preselected(text, indexes):
    assert guess(text).indexes == indexes


def test_the_column_that_is_full_of_numbers_is_read_whatever_the_headings_say():
    columns = guess("e164,Main line,label\n,206 555 0143,a\n,206 555 0144,b\n12065550145,206 555 0145,c\n")
    assert columns.indexes == {"number": 1, "label": 2}


def test_of_two_full_columns_the_heading_decides_and_the_other_has_a_note():
    columns = guess("Contact,DID\n2065550143,4255550143\n2065550144,4255550144\n")
    assert columns == Columns({"number": 1}, {0: "Also holds phone numbers. Only one column is read."})


def test_a_column_whose_values_do_not_fit_is_ignored_with_a_note():
    columns = guess(
        "number,type,campaign,country\n2065550143,local,Spring,home\n2065550144,toll_free,Spring,home\n", {"Fall": 1}
    )
    assert columns == Columns(
        {"number": 0},
        {
            1: "Ignored: “local”, “toll_free” are neither native nor BYOC.",
            2: "Ignored: “Spring” is not the name of a campaign.",
            3: "Ignored: “home” is not a country.",
        },
    )


def test_number_and_label_without_headings():
    assert guess("2065550143,Seattle\n2065550144,Bellevue\n").indexes == {"number": 0, "label": 1}
    assert guess("1,Seattle,2065550143\n2,Bellevue,2065550144\n").indexes == {"number": 2, "label": 1}


def test_a_file_without_numbers_is_refused():
    with pytest.raises(
        UnreadableFile, match=r"There is no column of phone numbers\. The first line has “First”, “Last”\."
    ):
        guess("First,Last\nDana,Whitfield\n")


class TestChoosing:
    HEADINGS = ("Phone", "Note", "Note", "Site")

    def resolve(self, requested: dict[str, str]) -> dict[str, int]:
        return resolve_columns(requested, headings=list(self.HEADINGS), width=4)

    def test_by_heading_or_position(self):
        assert self.resolve({"phone": "number", "3": "label", "Site": "ignore"}) == {"number": 0, "label": 2}

    def test_a_role_moves_to_the_column_that_is_chosen_for_it(self):
        former = {"number": 0, "label": 2}
        assert move_roles({"1": "number", "2": "number", "3": "label"}, former) == {
            "1": "ignore", "2": "number", "3": "label"}  # fmt: skip
        assert move_roles({"1": "label", "2": "number", "3": "label"}, former) == {
            "1": "label", "2": "number", "3": "ignore"}  # fmt: skip
        assert move_roles({"1": "ignore", "2": "ignore", "3": "ignore"}, former) == dict.fromkeys("123", "ignore")

    @pytest.mark.parametrize(
        ("requested", "message"),
        [
            ({"Phone": "label"}, "No column is chosen as number."),
            ({"Phone": "number", "4": "number"}, "Columns 1 and 4 are both chosen as number."),
            ({"Phone": "number", "Note": "label"}, "Several columns are called “Note”."),
            ({"Phone": "number", "5": "label"}, "There is no column “5”."),
            ({"Phone": "number", "Town": "label"}, "There is no column “Town”."),
            ({"Phone": "digits"}, "A column is one of"),
        ],
    )
    def test_a_wrong_choice_says_what_is_wrong(self, requested, message):
        with pytest.raises(WrongChoice, match=message):
            self.resolve(requested)


def test_headings_are_the_same_whatever_their_case():
    assert hash_headings(["Phone Number", "Sitio"]) == hash_headings(["phone_number", "SITIO"])
    assert hash_headings(["a", "b"]) != hash_headings(["b", "a"])
