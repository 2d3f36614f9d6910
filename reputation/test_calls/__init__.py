"""Test calls from the account's numbers to telephones of its own people, and reports of labels."""
