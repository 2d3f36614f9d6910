"""Numbers to ask the FCC about, and what it was asked."""

from reputation.models import FccDataset
from reputation.tasks.fcc import ask_fcc
from tests.factories import AccountFactory, MonitoredNumberFactory


def monitor(*numbers: str, **values) -> None:
    account = AccountFactory()
    for number in numbers:
        MonitoredNumberFactory(account=account, e164=number, **values)


def monitor_many(count: int) -> list[str]:
    account = AccountFactory()
    return [MonitoredNumberFactory(account=account).e164 for _ in range(count)]


def asked_for(fcc) -> list[list[str]]:
    """The numbers that each question about complaints named, as the FCC writes them."""
    return [request["query"]["$where"].split("'")[1::2] for request in fcc.requests("rows")]


def ask_again(fcc) -> None:
    """Let time pass, and run the task again."""
    FccDataset.objects.update(checked_at=None, next_action_at=None, hour_started_at=None)
    ask_fcc()
