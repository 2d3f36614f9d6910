"""Requests to the API, and checks of its problems."""

import json

NUMBERS = "/api/v1/numbers"


CAMPAIGNS = "/api/v1/campaigns"


def post_json(client, path, body, **headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def assert_problem(answer, code):
    said = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    assert (said["code"], said["status"]) == (code, answer.status_code)
    assert said["type"].endswith(f"/api/#problem-{code}")
    assert said["title"]
    assert said["detail"]
    assert said["hint"]
    return said
