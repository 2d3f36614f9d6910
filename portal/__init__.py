"""Number Reputation Portal: settings, accounts, API framework, audit trail, jobs and webhooks, shared by all apps."""

__version__ = "0.1.0"
