"""The page of the Hiya Connect list: paste or upload it, and see what was read."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.models import today_of
from reputation.models import EngineList
from tests.factories import AccountFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_states
from tests.support.pages import get_html, messages_in
from tests.support.urls import create_engine_list

pytestmark = pytest.mark.django_db

NEW = reverse("desk-hiya-list-new")


@pytest.fixture(autouse=True)
def desk_provider(switch_providers):
    switch_providers("handset", "desk")


@pytest.fixture
def bring(as_admin, account, now):
    def post(**data):
        return as_admin.post(NEW, {"shown_on": today_of(account, now).isoformat()} | data)

    return post


def test_pasted_list_is_read_and_explained(as_admin, account, bring):
    number = PhoneNumberFactory(account=account)
    response = bring(text=f"Number,Grade\n{number.e164},Flagged\n+12069990000,B\nnonsense,B")
    page = get_html(as_admin.get(response.headers["Location"]))
    assert "<dt>Flagged</dt><dd>1</dd>" in page
    assert "1 number that this account does not have" in page
    assert "Line 3: <span" in page
    assert "Line 4: This is text, not a phone number." in page
    assert "AT&amp;T" in page
    assert "Samsung" in page
    assert get_states(number) == {"hiya": "confirmed"}


def test_of_many_unreadable_lines_the_first_100_and_their_count_are_kept_and_shown(as_admin, account, bring):
    number = PhoneNumberFactory(account=account)
    response = bring(text="\n".join(["Number,Grade", f"{number.e164},A", *["nonsense,B"] * 1_234]))
    found = EngineList.objects.get()
    assert (len(found.problems), found.problem_count) == (100, 1_234)
    page = get_html(as_admin.get(response.headers["Location"]))
    assert "1,234 lines that could not be read" in page
    assert "Line 102: This is text" in page
    assert "The first 100 of 1,234." in page


def test_file_is_read_and_the_same_list_changes_nothing(as_admin, account, bring):
    number = PhoneNumberFactory(account=account)
    for expected in ("", "This list was read before. Nothing was changed."):
        file = SimpleUploadedFile("hiya.csv", f"Number,Grade\n{number.e164},A\n".encode())
        response = bring(file=file)
        assert messages_in(as_admin.get(response.headers["Location"])) == expected
    assert EngineList.objects.get().name == "hiya.csv"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "one of the two"),
        ({"text": "hello"}, "No column of this list has phone numbers"),
        ({"text": "2062000143", "shown_on": "2099-01-01"}, "This day is in the future."),
        ({"text": "2062000143", "shown_on": ""}, "This field is required."),
    ],
)
def test_form_says_what_is_wrong_and_keeps_the_text(bring, data, message):
    page = get_html(bring(**data))
    assert message in page
    assert data.get("text", "") in page
    assert not EngineList.objects.exists()


def test_file_over_the_limit_is_refused(bring, settings):
    settings.UPLOAD_LIMIT_MB = 1
    file = SimpleUploadedFile("hiya.csv", b"2062000143\n" * 200_000)
    assert "The file is larger than 1 MB. Nothing was changed." in get_html(bring(file=file))


def test_unreadable_file_is_refused(bring):
    assert "Nothing was changed" in get_html(bring(file=SimpleUploadedFile("empty.csv", b" \n")))
    page = get_html(bring(file=SimpleUploadedFile("list.pdf", b"%PDF-1.7 ...")))
    assert "desk-hiya-list" not in page
    assert not EngineList.objects.exists()


def test_list_of_another_account_is_not_found(as_admin):
    foreign = create_engine_list(AccountFactory())
    assert as_admin.get(reverse("desk-hiya-list", args=[foreign.pk])).status_code == 404


def test_page_says_what_the_grades_mean(as_admin):
    page = get_html(as_admin.get(NEW))
    assert "It never counts as clean." in page
    assert "AT&amp;T, any carrier on Samsung." in page
