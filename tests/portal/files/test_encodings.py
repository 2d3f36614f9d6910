"""Encodings of text files: what is guessed, and what a byte that does not belong harms."""

import io

import pytest

from portal.files.encodings import ENCODINGS, convert_to_utf8, guess_encoding
from portal.files.records import UnreadableFile

SPANISH = "número;etiqueta\n2065550143;Señal “norte” – José’s café\n"


def to_utf8(content: bytes, encoding: str = "") -> str:
    source, out = io.BytesIO(content), io.BytesIO()
    convert_to_utf8(source, out, encoding or guess_encoding(source))
    return out.getvalue().decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "mac-roman", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [SPANISH, "number,label\n2065550143,Zürich\n2065550144,niño\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_encoding_is_guessed(encoding, text, end):
    assert to_utf8(text.replace("\n", end).encode(encoding)) == text


def test_one_bad_byte_does_not_change_the_encoding_of_the_rest():
    content = "a,Señal\nb,Café\n".encode() + b"c,cut \xe2\x80\nd,plain\n"
    assert to_utf8(content) == "a,Señal\nb,Café\nc,cut \ufffd\nd,plain\n"


def test_a_nul_byte_harms_its_character_only():
    assert to_utf8(b"number,label\n2065550143,a\x00b\n" + b"2065550144,plain\n" * 9).count("\ufffd") == 1


def test_a_guess_from_the_head_ignores_a_character_cut_at_its_end():
    content = ("a" * 99 + "é").encode()
    assert guess_encoding(io.BytesIO(content), max_bytes=100) == "utf-8"


def test_the_whole_file_decides_when_its_head_is_ascii():
    content = b"number,label\n" + b"2065550143,plain\n" * 20_000 + "2065550143,Señal\n".encode("cp1252")
    assert guess_encoding(io.BytesIO(content), max_bytes=1_000) == "utf-8"
    assert guess_encoding(io.BytesIO(content)) == "cp1252"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_on_offer_can_be_chosen(encoding):
    assert to_utf8("2065550143;a\n".encode(encoding), encoding) == "2065550143;a\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7", "This is a PDF file"),
        (b"number\n\x00\x01\x02", "This is not a text file."),
        (b"\x93\x8d\x01\x02 number \xff\xfe", "This is not a text file."),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_name(content, message):
    with pytest.raises(UnreadableFile, match=message):
        guess_encoding(io.BytesIO(content))
