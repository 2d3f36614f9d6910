from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.text import pluralize
from reputation.complaint_files import LoadResult, UnreadableFile, load_file


class Command(BaseCommand):
    help = (
        "Load files of the FTC's public Do Not Call Reported Calls (CSV), which the workers fetch each weekday unless "
        "FTC_FETCH is 0. Loading a file again changes nothing. "
        "A row that cannot be read is skipped and named. "
        "Monitored numbers with enough complaints become at risk within a minute."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *, files: list[Path], **options: object) -> None:
        unreadable = 0
        for path in files:
            try:
                self._report(load_file(path, now=timezone.now()))
            except UnreadableFile as error:
                unreadable += 1
                self.stderr.write(self.style.ERROR(f"{error} Nothing was loaded."))
        if unreadable:
            raise CommandError(f"{unreadable} of {len(files)} files could not be read.")

    def _report(self, result: LoadResult) -> None:
        if result.is_already_loaded:
            self.stdout.write(f"{result.name}: already loaded, nothing to do.")
            return
        loaded = pluralize(result.loaded, "complaint")
        self.stdout.write(f"{result.name}: {pluralize(result.rows, 'row')}, {loaded} loaded.")
        for reason, count in result.skipped.most_common():
            lines = result.skipped_lines[reason]
            more = ", …" if count > len(lines) else ""
            self.stdout.write(f"  {count:,} skipped: {reason}")
            self.stdout.write(f"      {', '.join(lines)}{more}")
        if result.duplicates:
            self.stdout.write(f"  {result.duplicates:,} skipped: loaded before, from another file")
        if result.scheduled_lookups:
            verb = "is" if result.scheduled_lookups == 1 else "are"
            self.stdout.write(f"  {pluralize(result.scheduled_lookups, 'monitored number')} {verb} looked up now")
