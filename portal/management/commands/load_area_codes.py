from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.area_code_tables import load_report
from portal.phone.area_code_report import InvalidReport


class Command(BaseCommand):
    help = (
        "Load a newer table of the area codes of +1: NANPA's report of area codes (CSV), or a file in the layout of "
        "the shipped one. Running processes use it within a minute."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *, file: Path, **options: object) -> None:
        try:
            loaded = load_report(file, now=timezone.now())
        except InvalidReport as error:
            raise CommandError(f"{file.name} was not loaded. {error}") from error
        self.stdout.write(f"{file.name}: {loaded.area_codes} area codes of {loaded.report_date} loaded.")
        for change, codes in (("new", loaded.new), ("no longer assigned", loaded.withdrawn)):
            if codes:
                self.stdout.write(f"  {change}: {' '.join(codes)}")
