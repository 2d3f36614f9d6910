"""`make torture MINUTES=15`: faults in random order on real processes under load, on SQLite and on PostgreSQL.

After each fault, new work has to pass through the whole portal again, the invariants are checked, and everything that
the portal acknowledged is looked for. Each run is a line in docs/reliability.jsonl; docs/reliability.md adds them up.

It needs root, for small file systems in memory, and libfaketime. `python -m tests.torture.run --list` names the faults.
"""
