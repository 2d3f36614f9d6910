"""The task that looks at everything once a minute, and the one that encrypts secrets with the first key."""

from django.utils import timezone

from portal.db.reencryption import reencrypt_all
from portal.jobs.runner import task
from portal.operations import state


@task
def check_operations() -> None:
    state.check(timezone.now())


@task
def encrypt_secrets() -> None:
    """Encrypt secrets of earlier releases, and those of former keys. The command says what cannot be read."""
    reencrypt_all()
