"""Small file systems in memory, which a fault fills."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

BALLAST = "ballast"


class Disk:
    """A tmpfs of so many MB, mounted on the folder until `unmount`."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "torture", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no byte free, until `free`. What the portal deletes meanwhile is free again, so repeat it."""
        with (self.folder / BALLAST).open("ab") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(1024 * 1024))
            except OSError:
                pass
            try:
                while True:
                    os.write(file.fileno(), b"x")
            except OSError:
                pass

    def free(self) -> None:
        (self.folder / BALLAST).unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
