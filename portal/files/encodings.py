"""Guess the encoding of a text file, and convert it to UTF-8.

Works with bounded memory. A byte that does not belong to the encoding becomes U+FFFD: it harms its cell, and no other.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO

from portal.files.records import REPLACEMENT, UnreadableFile

READ_BYTES = 64 * 1024

# The encodings that a person can choose, the likely ones first.
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows, Western Europe (1252)",
    "mac-roman": "Macintosh (Mac Roman)",
    "utf-16-le": "UTF-16, little-endian",
    "utf-16-be": "UTF-16, big-endian",
    "cp1250": "Windows, Central Europe (1250)",
    "cp1251": "Windows, Cyrillic (1251)",
    "cp850": "DOS, Western Europe (850)",
}

# The first bytes of files that are no text.
FILE_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
NOT_TEXT = "This is not a text file. Save the sheet as CSV (UTF-8) or as .xlsx, and choose that file."
_CONTROL_BYTES = bytes({*range(1, 32), 127} - {9, 10, 11, 12, 13, 26, 27})
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def guess_encoding(file: BinaryIO, *, max_bytes: int | None = None) -> str:
    """Return the key in ENCODINGS of the likely encoding, by the first `max_bytes` bytes or the whole file.

    Raises UnreadableFile for an empty file, and for one that is no text.
    """
    file.seek(0)
    head = file.read(min(READ_BYTES, max_bytes or READ_BYTES))
    reject_other_types(head)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    nul_bytes = head.count(0)
    if nul_bytes and (encoding := _guess_utf16(head)):
        return encoding
    if (len(head) - len(head.translate(None, _CONTROL_BYTES)) + nul_bytes) * 20 > len(head):
        raise UnreadableFile(NOT_TEXT)
    return _guess_by_letters(file, max_bytes)


def reject_other_types(head: bytes) -> None:
    """Raise UnreadableFile for an empty file, and for well-known types that are no text."""
    if not head:
        raise UnreadableFile("The file is empty. Nothing was imported.")
    for signature, file_type in FILE_SIGNATURES.items():
        if head.startswith(signature):
            raise UnreadableFile(
                f"This is {file_type}, not CSV. Open it in your spreadsheet, and save the sheet as CSV (UTF-8)."
            )


def _guess_utf16(head: bytes) -> str:
    """Western text in UTF-16 has a NUL in every second byte. Return the byte order, or nothing."""
    high, low = head[0::2].count(0), head[1::2].count(0)
    most, encoding = max((high, "utf-16-be"), (low, "utf-16-le"))
    is_utf16 = most * 2 >= len(head) // 2 and min(high, low) * 20 <= most
    return encoding if is_utf16 else ""


def _guess_by_letters(file: BinaryIO, max_bytes: int | None) -> str:
    """UTF-8 if most of its multi-byte characters are valid, otherwise Windows-1252 or Mac Roman by their letters."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    valid, invalid, rest, sample = 0, 0, max_bytes, b""
    while chunk := file.read(READ_BYTES if rest is None else min(READ_BYTES, rest)):
        rest = None if rest is None else rest - len(chunk)
        text = decoder.decode(chunk)
        if not text.isascii():
            invalid += text.count(REPLACEMENT)
            valid += sum(map(len, re.findall(r"[^\x00-\x7f]+", text))) - text.count(REPLACEMENT)
        if not chunk.isascii() and len(sample) < READ_BYTES:
            sample += chunk
    invalid += 0 if rest == 0 else decoder.decode(b"", final=True).count(REPLACEMENT)
    if invalid <= valid:
        return "utf-8"
    return max(("cp1252", "mac-roman"), key=lambda encoding: _rate_letters(sample, encoding))


def _rate_letters(sample: bytes, encoding: str) -> int:
    """How well the characters beyond ASCII fit between their neighbours, if the sample has this encoding."""
    text = f" {sample.decode(encoding, errors='replace')} "
    found = re.finditer(r"[^\x00-\x7f]", text)
    return sum(_rate_character(text[match.start() - 1], match[0], text[match.start() + 1]) for match in found)


def _rate_character(before: str, character: str, after: str) -> int:
    """A letter fits into a word of its case, a quotation mark or dash at the edge of one. 1 if it fits, -1 if not."""
    if character == REPLACEMENT:
        return -2
    if character.islower():
        return -1 if after.isupper() else int(before.isalpha() or after.islower())
    if character.isupper():
        return -1 if before.islower() or (before.isalpha() and after.islower()) else 1
    if character == "’":
        return 1
    if character in "“”‘–—…«»€£©®™°¿¡ªº\xa0·•":
        return -1 if before.isalpha() and after.isalpha() else 1
    return -1


def convert_to_utf8(source: BinaryIO, out: BinaryIO, encoding: str) -> None:
    """Copy the file to `out` as UTF-8 without a byte order mark, with \\n line ends.

    What does not belong to the encoding, and NUL, becomes U+FFFD.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    source.seek(0)
    is_start = True
    while chunk := source.read(READ_BYTES):
        text = newlines.decode(chunk)
        if is_start and text:
            text, is_start = text.removeprefix("\ufeff"), False
        out.write(_encode(text))
    out.write(_encode(newlines.decode(b"", final=True)))
    out.flush()


def _encode(text: str) -> bytes:
    return text.replace("\x00", REPLACEMENT).encode(errors="replace")
