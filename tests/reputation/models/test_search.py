"""The search for numbers: by the structure of the number, or by the label without its accents."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.db.folding import fold_accents
from portal.db.in_list import in_list
from reputation.models import PhoneNumber, search_index
from tests.factories import PhoneNumberFactory

pytestmark = pytest.mark.django_db

NUMBERS = {
    "+14152340143": "Zürich",
    "+14153340143": "zurich 2",
    "+12064152340": "Łódź, café",
    "+442079460143": "London",
    "+14412340143": "CAFE\u0301",
}


@pytest.fixture(autouse=True)
def numbers(account) -> None:
    for e164, label in NUMBERS.items():
        PhoneNumberFactory(account=account, e164=e164, label=label)


def find(text: str, **options: bool) -> list[str]:
    return sorted(PhoneNumber.objects.search(text, **options).values_list("e164", flat=True))


@pytest.mark.parametrize("use_index", [True, False])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+1415", ["+14152340143", "+14153340143"]),
        ("(415) 2", ["+14152340143"]),
        ("(415)", ["+14152340143", "+14153340143"]),
        ("+44", ["+442079460143"]),
        ("+1", [e164 for e164 in NUMBERS if e164.startswith("+1")]),
        ("415234", ["+12064152340", "+14152340143"]),
        ("0143", ["+14152340143", "+14153340143", "+442079460143", "+14412340143"]),
        ("(415) 234-0143, +44 20 7946 0143, 206-415-2340", ["+14152340143", "+442079460143", "+12064152340"]),
        ("41523401434153340143", ["+14152340143", "+14153340143"]),
        ("zurich", ["+14152340143", "+14153340143"]),
        ("ZÜRICH", ["+14152340143", "+14153340143"]),
        ("lodz", ["+12064152340"]),
        ("Cafe", ["+12064152340", "+14412340143"]),
        ("cafe\u0301", ["+12064152340", "+14412340143"]),
        ("zz", []),
        ("x" * 2_000, []),
    ],
)
def test_a_search_finds_numbers_by_structure_and_labels_without_accents(text, found, use_index):
    assert find(text, use_index=use_index) == sorted(found)


@pytest.mark.parametrize("text", ["zurich", "+1415", "(415) 2", "0143", "(415) 234-0143, +44 20 7946 0143"])
def test_a_search_does_not_scan_the_table(text):
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table is small
        plan = PhoneNumber.objects.search(text).explain()
    assert "Seq Scan" not in plan
    assert "SCAN reputation_phonenumber" not in plan.replace('"', "")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's index is a table of its own")
def test_whole_numbers_are_not_looked_up_in_the_index_of_parts():
    """It takes ten milliseconds for each number of a large table. Here it is the only index that PostgreSQL may use."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false FROM pg_class, pg_am "
            "WHERE indrelid = 'reputation_phonenumber'::regclass AND pg_class.oid = indexrelid AND pg_am.oid = relam "
            "AND amname = 'btree'"
        )
        plan = PhoneNumber.objects.filter(e164__in=in_list(NUMBERS)).explain()
        transaction.set_rollback(True)
    assert "number_search" not in plan


def test_every_accent_is_folded_alike_in_python_and_in_the_database(account):
    letters = "".join(chr(code) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)))
    parts = [letters[start : start + 80] for start in range(0, len(letters), 80)]
    for place, part in enumerate(parts):
        PhoneNumberFactory(account=account, e164=f"+1307222{place:04}", label=part)
        assert f"+1307222{place:04}" in find(fold_accents(part))
    assert sum(character.isascii() for character in fold_accents(letters)) > 450


def test_the_index_is_built_again_only_if_its_definition_changed():
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER number_search_added")
            cursor.execute(
                "CREATE TRIGGER number_search_added AFTER INSERT ON reputation_phonenumber BEGIN SELECT 1; END"
            )
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # an index cannot be made while checks are pending
            cursor.execute("DROP INDEX number_search_folded_label")
            cursor.execute("CREATE INDEX number_search_label ON reputation_phonenumber (label)")
    search_index.install_index()
    assert find("zurich") == ["+14152340143", "+14153340143"]
    with CaptureQueriesContext(connection) as queries:
        search_index.install_index()
    written = [
        query["sql"] for query in queries if query["sql"].startswith(("CREATE TABLE", "CREATE VIRTUAL", "INSERT"))
    ]
    assert written == []
