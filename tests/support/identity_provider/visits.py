"""Go through the provider's pages without a browser."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import requests

from tests.support.identity_provider import PASSWORD


def sign_in_at_provider(url: str, name: str, *, portal_url: str) -> str:
    """Open the URL that the portal leads to, sign in, and return the URL of the portal that the provider leads to."""
    with requests.Session() as browser:
        page = browser.get(url, timeout=20)
        page.raise_for_status()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token, page.text
        data = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        answer = browser.post(page.url, data, allow_redirects=False, timeout=20)
        while not (location := urljoin(answer.url, answer.headers["Location"])).startswith(portal_url):
            answer = browser.get(location, allow_redirects=False, timeout=20)
        return location
