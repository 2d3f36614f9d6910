"""Database triggers that maintain NumberCount, so that every way of changing numbers updates it."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Coalesce

from reputation.models import NumberCount, PhoneNumber

_NUMBERS = PhoneNumber._meta.db_table
_COUNTS = NumberCount._meta.db_table

# Decrementing never inserts a row: if the count was deleted already, there is nothing to do.
_INCREMENT = f"""
    INSERT INTO {_COUNTS} (account_id, campaign, facet, count)
    VALUES (NEW.account_id, COALESCE(NEW.campaign_id, 0), NEW.facet, 1)
    ON CONFLICT (account_id, campaign, facet) DO UPDATE SET count = count + 1;"""
_DECREMENT = f"""
    UPDATE {_COUNTS} SET count = count - 1
    WHERE account_id = OLD.account_id AND campaign = COALESCE(OLD.campaign_id, 0) AND facet = OLD.facet;"""
_FACET_COLUMNS = "spam_status, capability, source, ever_checked, removed_at, campaign_id, account_id"
_HAS_MOVED = (
    "(OLD.facet IS NOT NEW.facet OR OLD.campaign_id IS NOT NEW.campaign_id OR OLD.account_id IS NOT NEW.account_id)"
)
SQLITE_TRIGGERS = {
    "number_count_once": f"CREATE UNIQUE INDEX number_count_once ON {_COUNTS} (account_id, campaign, facet)",
    "number_counted": f"""CREATE TRIGGER number_counted AFTER INSERT ON {_NUMBERS}
        WHEN NEW.facet IS NOT NULL BEGIN {_INCREMENT} END""",
    "number_counted_new": f"""CREATE TRIGGER number_counted_new AFTER UPDATE OF {_FACET_COLUMNS} ON {_NUMBERS}
        WHEN NEW.facet IS NOT NULL AND {_HAS_MOVED} BEGIN {_INCREMENT} END""",
    "number_counted_old": f"""CREATE TRIGGER number_counted_old AFTER UPDATE OF {_FACET_COLUMNS} ON {_NUMBERS}
        WHEN OLD.facet IS NOT NULL AND {_HAS_MOVED} BEGIN {_DECREMENT} END""",
    "number_uncounted": f"""CREATE TRIGGER number_uncounted AFTER DELETE ON {_NUMBERS}
        WHEN OLD.facet IS NOT NULL BEGIN {_DECREMENT} END""",
}

# Each statement inserts rows and never updates any, so concurrent transactions do not wait for each other.
_TRIGGER_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION count_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO {_COUNTS} (account_id, campaign, facet, count)
            SELECT account_id, COALESCE(campaign_id, 0), facet, count(*) FROM added
            WHERE facet IS NOT NULL GROUP BY 1, 2, 3;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO {_COUNTS} (account_id, campaign, facet, count)
            SELECT account_id, COALESCE(campaign_id, 0), facet, -count(*) FROM taken
            WHERE facet IS NOT NULL GROUP BY 1, 2, 3;
        ELSIF TG_OP = 'UPDATE' THEN
            INSERT INTO {_COUNTS} (account_id, campaign, facet, count)
            SELECT account_id, campaign_id, facet, sum(one) FROM (
                SELECT account_id, COALESCE(campaign_id, 0) AS campaign_id, facet, 1 AS one FROM added
                UNION ALL SELECT account_id, COALESCE(campaign_id, 0), facet, -1 FROM taken) AS changes
            WHERE facet IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(one) <> 0;
        ELSE
            DELETE FROM {_COUNTS};
        END IF;
        RETURN NULL;
    END $$"""
POSTGRESQL_TRIGGERS = {
    "number_counted": f"""CREATE TRIGGER number_counted AFTER INSERT ON {_NUMBERS}
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_numbers()""",
    "number_recounted": f"""CREATE TRIGGER number_recounted AFTER UPDATE ON {_NUMBERS}
        REFERENCING OLD TABLE AS taken NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_numbers()""",
    "number_uncounted": f"""CREATE TRIGGER number_uncounted AFTER DELETE ON {_NUMBERS}
        REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION count_numbers()""",
    "number_truncated": f"""CREATE TRIGGER number_truncated AFTER TRUNCATE ON {_NUMBERS}
        FOR EACH STATEMENT EXECUTE FUNCTION count_numbers()""",
}


def install_triggers() -> None:
    """Creates missing triggers, and recounts if there were any. Called after each migration.

    On SQLite, a migration that alters the table of numbers recreates it without its triggers.
    """
    is_sqlite = connection.vendor == "sqlite"
    wanted = SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS
    with transaction.atomic(), connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'index')")
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass", [_NUMBERS])
        existing = {name for (name,) in cursor.fetchall()}
        missing = [sql for name, sql in wanted.items() if name not in existing]
        if not missing:
            return
        if not is_sqlite:
            cursor.execute(f"LOCK TABLE {_NUMBERS} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(_TRIGGER_FUNCTION)
        for sql in missing:
            cursor.execute(sql)
        # During the first migration there are no numbers, and their later columns do not exist yet.
        if PhoneNumber.objects.exists():
            recount()


def recount() -> None:
    """Counts all numbers. Call it while no other transaction changes them."""
    present = PhoneNumber.objects.filter(facet__isnull=False).order_by()
    counted = present.values_list("account", Coalesce("campaign", NumberCount.NO_CAMPAIGN), "facet").annotate(
        Count("pk")
    )
    NumberCount.objects.all().delete()
    NumberCount.objects.bulk_create(
        NumberCount(account_id=account, campaign=campaign, facet=facet, count=count)
        for account, campaign, facet, count in counted
    )


# Rows merged in one statement.
CHUNK = 5_000

_COMPACT = f"""
    WITH folded AS (
        DELETE FROM {_COUNTS} WHERE id IN (
            SELECT id FROM {_COUNTS} WHERE (account_id, campaign, facet) IN (
                SELECT account_id, campaign, facet FROM {_COUNTS} GROUP BY 1, 2, 3
                HAVING count(*) > 1 OR sum(count) = 0 LIMIT 200)
            ORDER BY account_id, campaign, facet LIMIT {CHUNK} FOR UPDATE SKIP LOCKED)
        RETURNING account_id, campaign, facet, count),
    summed AS (
        INSERT INTO {_COUNTS} (account_id, campaign, facet, count)
        SELECT account_id, campaign, facet, sum(count) FROM folded GROUP BY 1, 2, 3 HAVING sum(count) <> 0
        RETURNING 1)
    SELECT (SELECT count(*) FROM folded) - (SELECT count(*) FROM summed)"""


def compact() -> int:
    """Merges one chunk of rows into one row for each combination; returns how many fewer there are.

    Concurrent readers see either the rows or their sums, which have the same total.
    """
    if connection.vendor == "sqlite":
        return NumberCount.objects.filter(count=0).delete()[0]
    with connection.cursor() as cursor:
        cursor.execute(_COMPACT)
        return cursor.fetchone()[0]
