import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.audit.verification import Finding, Verification
from portal.models import Account


class Command(BaseCommand):
    help = (
        "Verify the audit trail: find events that were altered, deleted, inserted or reordered, and gaps in the chain "
        "of batches. Says which account and batch, and ends with status 1. Stops nobody's work."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="only the trail of the account with this id")
        parser.add_argument(
            "--heads",
            action="store_true",
            help="print the hash of the newest batch of each chain. Keep it elsewhere: a trail that somebody has "
            "written anew, with all its hashes, no longer contains it.",
        )

    def handle(self, *, account: int | None, heads: bool, **options: object) -> None:
        chosen = Account.objects.filter(pk=account).first() if account is not None else None
        if account is not None and chosen is None:
            raise CommandError(f"There is no account with the id {account}.")
        verification = Verification(chosen)
        found = 0
        for finding in verification.run():
            found += 1
            self.stdout.write(describe_finding(finding))
        if heads:
            for chain in verification.heads:
                self.stdout.write(f"account {chain.account_id or '-'} batch {chain.position} {chain.hash}")
        if verification.uncovered:
            self.stdout.write(
                f"{verification.uncovered:,} events have no batch and are not covered: an earlier release wrote them."
            )
        if verification.erased:
            self.stdout.write(
                f"{verification.erased:,} batches have lost texts of an erased person. The rest was verified."
            )
        verified = f"{verification.events:,} events in {verification.batches:,} batches verified"
        if found:
            self.stderr.write(self.style.ERROR(f"{verified}: {found:,} findings."))
            sys.exit(1)
        self.stdout.write(f"{verified}: nothing was altered.")


def describe_finding(finding: Finding) -> str:
    return f"account {finding.account_id}: {finding.text}" if finding.account_id else f"no account: {finding.text}"
