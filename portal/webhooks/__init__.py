"""Webhooks out, by the Standard Webhooks specification (https://www.standardwebhooks.com): what changes here is told to
the addresses an account names, at least once and in order for each number."""
