"""`manage.py export_account` and `export_person`: every table, no secret."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from portal.models import Account, User
from portal.privacy import archive
from portal.privacy.addresses import ADDRESS_COLUMNS
from portal.privacy.tables import get_account_paths, get_exported_columns, get_references_to_people, get_tables
from tests.factories import AccountFactory, PhoneNumberFactory, UserFactory
from tests.portal.privacy.filler import ACCOUNT_NAME, EMAIL, NAME, fill_all

pytestmark = pytest.mark.django_db

# Tables without a path to an account, or a column of a person's: of the portal, of the authorities, of libraries.
OF_THE_PORTAL = {
    "account_emailconfirmation", "auth_group", "auth_group_permissions", "auth_permission", "django_content_type",
    "django_q_ormq", "django_q_schedule", "django_q_task", "django_session", "portal_account", "portal_areacodetable",
    "portal_attemptcount", "portal_cache", "portal_canary", "portal_heartbeat", "portal_lease", "portal_mailserver",
    "portal_metrictotal", "portal_operationscheck", "portal_taskfailure", "portal_user", "reputation_carrierengine",
    "reputation_complaint", "reputation_complaintfile", "reputation_desk", "reputation_desk_engines",
    "reputation_engine", "reputation_enginerole", "reputation_fcccomplaintcount", "reputation_fcccomplaintday",
    "reputation_fccdataset", "reputation_fccnumber", "reputation_ftcfile", "reputation_ftcindexpage",
    "reputation_shippeddesk", "socialaccount_socialapp", "socialaccount_socialtoken",
}  # fmt: skip
# Addresses that are not a person's own: those of desks, and the mailbox of a business.
OTHER_ADDRESSES = {"reputation_desk.email", "reputation_deskletter.mailbox"}


@pytest.fixture
def filled(tmp_path, settings) -> tuple[Account, User]:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    account, user = AccountFactory(name=ACCOUNT_NAME), UserFactory(email=EMAIL, name=NAME)
    fill_all(account, user)
    return account, user


def read(path: Path) -> dict[str, list[dict]]:
    """The rows of each file of JSON lines."""
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if name.endswith(".jsonl")]
        return {name.removesuffix(".jsonl"): [json.loads(line) for line in file.open(name)] for name in names}


def test_each_table_belongs_to_an_account_or_a_person_or_is_known_to_be_the_portals():
    """A new table is found here: it needs a reference to its account or person, or a place in the list."""
    known = {*get_account_paths(), *ADDRESS_COLUMNS, *(model for model, _ in get_references_to_people())}
    assert {model._meta.db_table for model in get_tables()} - {model._meta.db_table for model in known} == OF_THE_PORTAL


def test_each_column_of_addresses_is_known():
    columns = {
        f"{model._meta.db_table}.{field.name}"
        for model in get_tables()
        for field in model._meta.concrete_fields
        if isinstance(field, models.EmailField) and model is not User
    }
    of_people = {f"{model._meta.db_table}.{column}" for model, column in ADDRESS_COLUMNS.items()}
    assert columns - of_people - {"account_emailaddress.email"} == OTHER_ADDRESSES


def test_the_export_of_an_account_has_a_row_of_each_of_its_tables(filled, tmp_path, capsys):
    account, _ = filled
    PhoneNumberFactory()
    call_command("export_account", str(account.pk), str(tmp_path / "account.zip"))
    tables = read(tmp_path / "account.zip")
    assert {model._meta.db_table for model in get_account_paths()} <= tables.keys()
    assert [name for name, rows in tables.items() if not rows] == []
    assert [row["name"] for row in tables["portal_account"]] == [ACCOUNT_NAME]
    assert len(tables["reputation_phonenumber"]) == 1
    assert "rows of Vanishing Lake LLC are in" in capsys.readouterr().out


def test_the_export_has_the_uploaded_files(filled, tmp_path):
    call_command("export_account", str(filled[0].pk), str(tmp_path / "account.zip"))
    with zipfile.ZipFile(tmp_path / "account.zip") as file:
        files = [name for name in file.namelist() if name.startswith("files/")]
        assert len(files) == 3
        assert {file.read(name) for name in files} == {EMAIL.encode()}


def test_the_export_of_a_person_has_what_names_them(filled, tmp_path):
    call_command("export_person", EMAIL.upper(), str(tmp_path / "person.zip"))
    tables = read(tmp_path / "person.zip")
    own = {"portal_user", "portal_member", "portal_auditevent", "portal_auditidentity", "mfa_authenticator"}
    assert own <= tables.keys()
    assert [row["email"] for row in tables["portal_user"]] == [EMAIL]
    for model, field in get_references_to_people():
        table = model._meta.db_table
        assert tables.get(table) or tables[f"references/{table}.{field.column}"]


def test_no_secret_is_exported():
    suspicious = {"password", "secret", "token", "salt", "session_key", "hash"}
    columns = {
        f"{model._meta.db_table}.{name}"
        for model in get_tables()
        for name in get_exported_columns(model)
        if any(word in name for word in suspicious)
    }
    # Hashes of contents, and a time.
    assert columns == {
        "portal_auditbatch.content_hash",
        "portal_auditbatch.hash",
        "portal_auditchain.hash",
        "portal_auditerasure.content_hash",
        "portal_webhookendpoint.previous_secret_expires_at",
        "reputation_columnchoice.headings_hash",
    }


def test_a_file_that_exists_is_kept_and_a_new_one_is_private(filled, tmp_path):
    path = tmp_path / "account.zip"
    call_command("export_account", str(filled[0].pk), str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for arguments in (("export_account", str(filled[0].pk)), ("export_person", EMAIL)):
        with pytest.raises(CommandError, match="exists"):
            call_command(*arguments, str(path))
    assert path.read_bytes() == content
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_person", EMAIL, str(tmp_path / "none" / "person.zip"))


def test_unknown_accounts_and_people_get_no_file(db, tmp_path):
    with pytest.raises(CommandError, match="There is no account"):
        call_command("export_account", "999999", str(tmp_path / "x.zip"))
    with pytest.raises(CommandError, match="Nothing is stored"):
        call_command("export_person", "nobody@example.com", str(tmp_path / "x.zip"))
    assert list(tmp_path.iterdir()) == []


def test_rows_are_read_in_chunks(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "CHUNK", 2)
    for _ in range(6):
        PhoneNumberFactory(account=filled[0])
    call_command("export_account", str(filled[0].pk), str(tmp_path / "account.zip"))
    rows = read(tmp_path / "account.zip")["reputation_phonenumber"]
    assert len({row["id"] for row in rows}) == len(rows) == 7
