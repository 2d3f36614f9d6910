"""Outgoing webhooks by the Standard Webhooks specification (https://www.standardwebhooks.com).

Changes are sent to the addresses that an account configures, at least once and in order for each number.
"""
