"""Files in the shapes that spreadsheets, carriers and PBXs write, through the page and the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from reputation.imports import pipeline
from reputation.models import NumberImport
from tests.reputation.api.helpers import API_ROOT

pytestmark = pytest.mark.django_db

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Answer:
    """The numbers in the order of their lines; the refused lines, each with a part of its reason; and the labels."""

    numbers: list[str]
    refused: dict[int, str] = field(default_factory=dict)
    labels: list[str] | None = None


def seattle(first: int, last: int) -> list[str]:
    return [f"+1206555{number:04}" for number in range(first, last + 1)]


ANSWERS = {
    "01-float-zero.csv": Answer(
        ["+12065550143", "+12065550144", "+12065550145", "+12065550146"], {5: "this has 9", 6: "this has 9"}
    ),
    "02-scientific-whole.csv": Answer(
        ["+12065550143", "+12065550144", "+12065550145", "+12065550147"], {5: "A spreadsheet shortened this number"}
    ),
    "03-pbx-two-number-columns.csv": Answer(
        ["+12485550101", "+12145550104", "+12015550105", "+12145550106"], {3: "", 4: ""}
    ),
    "04-number-type-local.csv": Answer(
        ["+12065550143", "+18445550144", "+12065550145"], {}, ["Seattle main", "Toll-free line", "Mobile"]
    ),
    "05-leading-zeros.csv": Answer(
        ["+6565550143", "+33199001234", "+12065550144", "+12065550145"],
        {2: "There is no such number in +20", 4: "There is no such number in +47", 8: "There are too many digits"},
    ),
    "06-two-columns-no-heading.csv": Answer(seattle(143, 144), {}, ["Seattle outbound 1", "Seattle outbound 2"]),
    "07-vicidial-cid-group.csv": Answer(["+12065550143", "+14255550144"], {}, ["Seattle", "Bellevue"]),
    "09-title-rows-and-total.csv": Answer(seattle(143, 144), {7: "This is a line with totals"}, ["Main", "Sales"]),
    "10-invisible-characters.csv": Answer(seattle(143, 156)),
    "11-pipe.txt": Answer(seattle(143, 144), {}, ["Seattle", "Bellevue"]),
    "20-telnyx-v1-export.csv": Answer(seattle(143, 144)),
    "23-new-area-codes.csv": Answer(
        [f"+1{code}5550143" for code in (948, 324, 572, 463, 472, 228)], {4: "not yet in service"}
    ),
    "24-spam-call-log.csv": Answer(
        ["+16075550178", "+17185550161", "+18005550199", "+18035550157"], {4: "The same number as in line 3"}
    ),
    "26-hiya-template.csv": Answer([*seattle(143, 144), "+442079460143"], {}, ["Cascade Solar"] * 3),
    "28-plain-quoted.txt": Answer(seattle(143, 144)),
    "29-astpp-dids.csv": Answer(["+12065550143"], {3: "", 4: ""}),
    "32-one-broken-character.csv": Answer(
        seattle(143, 146), {}, ["Señal norte", "Café", "truncated in the database �", "plain"]
    ),
    "34-131-columns.csv": Answer(seattle(143, 145), {}, ["", "", ""]),
    "37-heading-on-two-lines.csv": Answer(["+12065550143"], {}, ["Seattle"]),
    "39-excel-text-formula.csv": Answer(
        [*seattle(143, 148), *seattle(150, 153), *seattle(155, 158)],
        {8: "This has letters in it", 13: "This has a character in it that is not part of a phone number: “_”"},
    ),
    "42-area-codes-in-service.csv": Answer(
        [f"+1{code}2550143" for code in (436, 861, 924, 624, 837, 621, 679, 729, 457, 357, 471, 483, 465)]
    ),
    "43-utf16-excel-unicode-text.txt": Answer(seattle(143, 144), {}, ["Señal", "“Quoted”"]),
    "45-semicolon-cp1252.csv": Answer(seattle(143, 144), {}, ["Señal", "“Quoted”"]),
    "46-totals-and-blank-lines.csv": Answer(
        seattle(143, 144), {6: "This is a line with totals", 8: "This is text"}, ["Seattle", "Bellevue"]
    ),
    "48-utf16-no-mark.csv": Answer(["+12065550143"]),
    "49-duplicate-of-a-number-in-two-writings.csv": Answer(
        ["+12065550143"], {3: "The same number as in line 2", 4: "The same number as in line 2"}, ["first"]
    ),
    "50-dids.xlsx": Answer(seattle(143, 144)),
}


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def read_case(name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, (CASES / name).read_bytes())


def check(batch: NumberImport, answer: Answer) -> None:
    rows = batch.rows.order_by("line", "part")
    taken = rows.exclude(outcome="refused")
    refused = dict(rows.filter(outcome="refused").values_list("line", "reason"))
    assert list(taken.values_list("e164", flat=True)) == answer.numbers, refused
    assert refused.keys() == answer.refused.keys(), refused
    for line, reason in answer.refused.items():
        assert reason in refused[line]
    if answer.labels is not None:
        assert list(taken.values_list("label", flat=True)) == answer.labels


@pytest.mark.parametrize(("name", "answer"), ANSWERS.items(), ids=ANSWERS)
def test_the_page_gives_the_right_answer(as_admin, now, name, answer):
    page = as_admin.post(reverse("import-new"), {"file": read_case(name)}, follow=True)
    batch = NumberImport.objects.get()
    pipeline.advance(batch, now=now)
    assert page.status_code == 200
    check(batch, answer)
    assert as_admin.get(reverse("import", args=[batch.pk])).status_code == 200


@pytest.mark.parametrize(("name", "answer"), ANSWERS.items(), ids=ANSWERS)
def test_the_api_gives_the_right_answer(api_client, now, name, answer):
    response = api_client.post(f"{API_ROOT}/imports", {"file": read_case(name)})
    assert response.status_code == 201, response.json()
    batch = NumberImport.objects.get(pk=response.json()["id"])
    pipeline.advance(batch, now=now)
    check(batch, answer)


def test_each_case_has_an_answer():
    assert ANSWERS.keys() == {path.name for path in CASES.iterdir()}
