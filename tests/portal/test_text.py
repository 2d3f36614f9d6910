"""Texts that any database stores."""

from portal.text import make_storable


def test_nul_and_lone_surrogates_are_removed():
    assert make_storable("a\x00b\udc80c \U0001f600") == "ab?c \U0001f600"
