"""The HTML of a response, independent of how its template wraps lines."""

import re


def get_html(response) -> str:
    """The response's text with every run of whitespace as one space, and none next to opening and closing tags."""
    text = " ".join(response.content.decode().split())
    text = re.sub(r"> <", "><", text)
    text = re.sub(r" (?=</)", "", text)
    return re.sub(r"(<(?!/|span)[^<>]*>) ", r"\1", text)


def messages_in(response) -> str:
    """The messages at the top of the page, in one line."""
    return " ".join(str(message) for message in response.context["messages"])
