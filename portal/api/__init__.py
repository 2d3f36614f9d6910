"""The framework of the API `/api/v1/`: authentication, rate limits, problems, idempotent writes, documentation.

`operations.operation` declares an operation of django-ninja. A plain Django view only needs
`authentication.require_api_key`. The operations themselves belong to the apps (reputation.api).
"""
