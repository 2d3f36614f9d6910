"""The framework of the API `/api/v1/`: who is let in, how often, what refusals look like, and that writes happen once.

`guarding.guarded` is all that a plain Django view needs; `endpoints.endpoint` is the same for operations of
django-ninja, which also stand in the OpenAPI document. What the operations do is the apps' own (reputation.api).
"""
