"""The code of the previous release, from the history of this repository.

`previous-release` holds its commit. Each release writes its own commit there once it is out.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from tests.support.processes import ROOT

COMMIT_FILE = Path(__file__).with_name("previous-release")


class HistoryMissing(Exception):
    """The commit of the previous release is not here. The message says how to get it."""


def extract_previous_release(folder: Path, *, repository: Path = ROOT) -> Path:
    """Write the files of the previous release to the folder, and return it. Raises HistoryMissing."""
    commit = COMMIT_FILE.read_text().strip()
    archive = subprocess.run(
        ["git", "-C", str(repository), "archive", "--format=tar", commit], capture_output=True, check=False
    )
    if archive.returncode:
        raise HistoryMissing(
            f"The upgrade from the previous release cannot be tested: commit {commit}, named in "
            f"{COMMIT_FILE.relative_to(ROOT)}, is not in {repository} ({archive.stderr.decode().strip()}). "
            "The test needs a git clone with its history. In a shallow clone: git fetch --unshallow"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder
