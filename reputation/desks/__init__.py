"""The remediation desk: requests that people send to desks without an API, and registrations of numbers there."""
