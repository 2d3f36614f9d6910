"""The ending of an uploaded file's name, compared with what the file is.

A name that ends in .csv although it is a workbook is either a mistake, or made to be taken for something else. A name
without an ending claims nothing: the content alone counts.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from portal.files.records import UnreadableFile
from portal.files.workbooks import is_workbook

TEXT_ENDINGS = (".csv", ".txt", ".tsv")
WORKBOOK_ENDING = ".xlsx"


def get_ending(name: str) -> str:
    """The part from the last dot on, in lower case: ".csv". Empty if there is none."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def check_table_name(name: str, head: bytes) -> None:
    """Raises UnreadableFile if the name says that a file that begins with `head` is something else."""
    ending = get_ending(name)
    if not ending:
        return
    if ending not in (*TEXT_ENDINGS, WORKBOOK_ENDING):
        raise UnreadableFile(
            "This file's name does not end in .csv, .txt, .tsv or .xlsx. Save the sheet as CSV or as .xlsx, and choose "
            "that file."
        )
    if is_workbook(head) and ending != WORKBOOK_ENDING:
        raise UnreadableFile(
            f"This file is an Excel workbook, but its name ends in {ending}. Save it as CSV, or let its name end in "
            ".xlsx, and choose it again."
        )
    if not is_workbook(head) and ending == WORKBOOK_ENDING:
        raise UnreadableFile(
            "This file's name ends in .xlsx, but it is no Excel workbook. Save it as .xlsx, or let its name end in "
            ".csv if it is a text, and choose it again."
        )
