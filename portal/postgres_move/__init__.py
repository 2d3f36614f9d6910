"""Copy a portal from SQLite into an empty PostgreSQL database."""
