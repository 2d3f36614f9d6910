from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reputation import complaints


class Command(BaseCommand):
    help = (
        "Takes files of the FTC's public Do Not Call Reported Calls in (CSV). The same file again changes nothing. "
        "Monitored numbers with enough complaints are tagged by the engine FTC complaints within a minute."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *, files: list[Path], **options: object) -> None:
        unreadable = 0
        for path in files:
            try:
                self._say(complaints.load_file(path, now=timezone.now()))
            except complaints.UnreadableFile as error:
                unreadable += 1
                self.stderr.write(self.style.ERROR(f"{error} Nothing of it was taken in."))
        if unreadable:
            raise CommandError(f"{unreadable} of {len(files)} files could not be read.")

    def _say(self, taken: complaints.LoadResult) -> None:
        if taken.again:
            self.stdout.write(f"{taken.name}: taken in before, nothing to do.")
            return
        self.stdout.write(f"{taken.name}: {taken.rows:,} rows, {taken.taken:,} complaints taken in.")
        for reason, count in taken.left_out.most_common():
            self.stdout.write(f"  {count:,} left out: {reason}")
        if taken.known:
            self.stdout.write(f"  {taken.known:,} left out: taken in before, from another file")
        if taken.looked_up:
            self.stdout.write(f"  {taken.looked_up:,} monitored numbers are looked up now")
