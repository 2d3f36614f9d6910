class BackupError(Exception):
    """A backup, a restore or a move cannot be done. The message says why, and what to do."""
