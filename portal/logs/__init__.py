"""Log lines: their format, the ids of requests and tasks in them, and what is masked."""
