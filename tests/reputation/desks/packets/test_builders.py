"""Each form of packet, to the letter."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reputation.desks.packets import block_redress, hiya_text, one_by_one, purpose_csv, registry_sheet
from reputation.desks.packets.content import BlockedCall, PacketNumber, get_band
from tests.reputation.desks.packets.sources import FIRST, SECOND, make_source


def test_registry_sheet_has_the_company_fields_and_a_sheet_of_ten_digit_numbers():
    packet = registry_sheet.build(make_source())
    assert packet.text == (
        "Contact e-mail: dana@cascadesolar.example\n"
        "Category: Appointment reminders: Spring renewals\n"
        "Contact name: Dana Reyes\n"
        "Contact phone: (206) 555-0143\n"
        "Company name: Cascade Solar LLC\n"
        "Address: 1200 Fifth Avenue, Suite 500\n"
        "City: Seattle\n"
        "State: Washington\n"
        "ZIP: 98101\n"
        "Company URL: https://www.cascadesolar.example\n"
        "Service provider: Example Telecom\n"
        "Calls per month: 1,001 to 10,000\n"
        "Phone numbers: 2065550143, 2065550178"
    )
    assert packet.file_name == "example-desk-appointment-reminders-spring-renewals-numbers-2026-11-27.csv"
    assert packet.file_content == (
        "phone number,business name\r\n2065550143,Cascade Solar\r\n2065550178,Cascade Solar\r\n"
    )
    assert packet.missing == ()


def test_registry_numbers_are_typed_up_to_twenty_and_only_in_the_sheet_above():
    numbers = tuple(replace(FIRST, pk=index, e164=f"+1206555{index:04}") for index in range(21))
    names = [field.name for field in registry_sheet.build(make_source(*numbers)).fields]
    assert "Phone numbers" not in names
    packet = registry_sheet.build(make_source(*numbers))
    assert packet.file_content.count("\r\n") == 22
    assert registry_sheet.build(make_source(*numbers[:20])).fields[-1].name == "Phone numbers"


def test_hiya_text_has_numbers_with_commas_and_the_context_of_each():
    packet = hiya_text.build(make_source())
    assert packet.text == (
        "We are Cascade Solar LLC (Cascade Solar), https://www.cascadesolar.example, and use these numbers ourselves. "
        "Please review their labels.\n"
        "\n"
        "Phone numbers: 2065550143, 2065550178\n"
        "Use: Appointment reminders: Spring renewals. We confirm the visits that home owners booked on our site.\n"
        "Volume: 1,001 to 10,000 calls per month. 1,284 calls of these numbers in the last 30 days.\n"
        "Consent: We keep a do-not-call list of our own and check it before each call.\n"
        "\n"
        "Labels seen:\n"
        "- 2065550143: “Scam Likely” on T-Mobile (First Orion), first seen 20 Nov 2026, last seen 26 Nov 2026 (seen on "
        "a telephone). Proof: 2 test calls and 1 photo. 1,204 calls in the last 30 days.\n"
        "- 2065550178: “Spam” on T-Mobile (First Orion), first seen 20 Nov 2026 (seen on a telephone). 80 calls in the "
        "last 30 days."
    )
    assert ("Phone numbers", "2065550143, 2065550178", "") in packet.fields
    assert packet.file_content == ""


def test_hiya_text_without_a_confirmed_consent_practice_names_it_as_missing():
    (missing,) = hiya_text.build(make_source(consent=())).missing
    assert missing.what == "The consent practice"
    assert missing.url_name == "enrollment-practices"


def test_first_orion_gets_a_csv_of_number_and_call_purpose():
    packet = purpose_csv.build(make_source())
    assert packet.file_content == (
        "number,call purpose\r\n"
        "2065550143,Appointment reminders: Spring renewals\r\n"
        "2065550178,Appointment reminders: Spring renewals\r\n"
    )
    assert packet.text.startswith(
        "Cascade Solar LLC (Cascade Solar) asks for the review of the labels of these numbers, which it uses itself "
        "for: Appointment reminders: Spring renewals.\n\n2065550143: “Scam Likely” on T-Mobile (First Orion)"
    )


def test_one_by_one_has_fields_to_copy_for_each_number():
    packet = one_by_one.build(make_source())
    assert [one.number.e164 for one in packet.one_by_one] == ["+12065550143", "+12065550178"]
    assert packet.one_by_one[1].fields == (
        ("Phone number", "2065550178", ""),
        (
            "Label",
            "“Spam” on T-Mobile (First Orion), first seen 20 Nov 2026 (seen on a telephone). 80 calls in the last 30 "
            "days.",
            "",
        ),
    )
    assert packet.file_content == ""
    assert packet.text.startswith("Business name: Cascade Solar LLC\nContact name: Dana Reyes\n")
    assert packet.text.count("Phone number: ") == 2


def test_block_redress_has_the_call_and_leaves_call_id_and_reason_to_the_sender():
    blocked = BlockedCall("+14252000001", datetime(2026, 11, 26, 20, 15, 30, tzinfo=UTC))
    packet = block_redress.build(make_source(replace(FIRST, blocked_call=blocked), SECOND))
    assert packet.text == (
        "Cascade Solar LLC (Cascade Solar) asks for redress for blocked calls under 47 CFR 64.1200(k)(8).\n"
        "\n"
        "Caller ID: +12065550143\n"
        "Called number: +14252000001\n"
        "Time: 26 Nov 2026, 12:15:30 PST\n"
        "Call-ID:\n"
        "Reason:\n"
        "\n"
        "Caller ID: +12065550178\n"
        "Called number:\n"
        "Time:\n"
        "Call-ID:\n"
        "Reason:\n"
        "\n"
        "Use: Appointment reminders: Spring renewals. We confirm the visits that home owners booked on our site.\n"
        "Attestation: Cascade Solar LLC itself uses these numbers.\n"
        "Contact: Dana Reyes, (206) 555-0143, dana@cascadesolar.example"
    )
    assert [missing.what for missing in packet.missing] == ["Call-ID and Reason", "An example call"]
    assert "(206) 555-0178" in packet.missing[1].why


@pytest.mark.parametrize("build", [registry_sheet.build, purpose_csv.build])
@pytest.mark.parametrize("name", ['=HYPERLINK("http://example.com")', "+1+1", "@SUM(A1)", "-2"])
def test_cells_of_the_file_are_safe_in_a_spreadsheet(build, name):
    source = make_source(FIRST, legal_name=name, trade_name="")
    content = build(replace(source, purpose=name)).file_content
    second_column = content.splitlines()[1].partition(",")[2].strip('"')
    assert second_column.startswith(f"'{name[0]}")


def test_missing_fields_are_named_with_the_page_that_completes_them():
    source = make_source(replace(FIRST, calls=None), street="", contact_phone="", calls_per_day=0)
    found = {missing.what: (missing.why, missing.url_name) for missing in registry_sheet.build(source).missing}
    assert found == {
        "The company": ("The enrollment form does not name: street address.", "enrollment-business"),
        "The contact person": ("The enrollment form does not name: phone.", "enrollment-business"),
        "The volume": (
            "No dialer asks the portal, and the enrollment form does not say how many calls.",
            "enrollment-business",
        ),
    }


def test_unknown_labels_and_carriers_are_missing_with_the_numbers_page():
    unseen = PacketNumber(pk=3, e164="+12065550101", calls=5)
    unlocated = replace(FIRST, labels=(replace(FIRST.labels[0], carrier=""),))
    found = hiya_text.build(make_source(unseen, unlocated)).missing
    assert [(missing.what, missing.url_name, missing.pk) for missing in found] == [
        ("The label of (206) 555-0101", "number", 3),
        ("The carrier of (206) 555-0143", "number", 1),
    ]


def test_calls_for_other_businesses_are_named_since_desks_bar_third_parties():
    (missing,) = registry_sheet.build(make_source(calls_for_others=True)).missing
    assert missing.what == "The right sender"


def test_volume_comes_from_the_enrollment_if_no_dialer_asks():
    source = make_source(replace(FIRST, calls=None), replace(SECOND, calls=None))
    field = next(field for field in registry_sheet.build(source).fields if field.name == "Calls per month")
    assert field.value == "10,001 to 100,000"
    assert field.note == "The enrollment declares 1,500 on a business day, from all numbers."


@pytest.mark.parametrize(
    ("calls", "band"),
    [
        (1, "1 to 1,000"),
        (1_000, "1 to 1,000"),
        (1_001, "1,001 to 10,000"),
        (1_000_000, "100,001 to 1,000,000"),
        (1_000_001, "more than 1,000,000"),
    ],
)
def test_bands_of_calls_per_month(calls, band):
    assert get_band(calls) == band
