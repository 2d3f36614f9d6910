"""Requests to the API."""

import json

API_ROOT = "/api/v1"


def send_request(client, method, path, body=None, **headers):
    return client.generic(
        method,
        f"{API_ROOT}{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json" if body is not None else "",
        headers=headers,
    )


def get_json(client, path, **params):
    answer = client.get(f"{API_ROOT}{path}", params)
    assert answer.status_code == 200, answer.content
    return answer.json()
