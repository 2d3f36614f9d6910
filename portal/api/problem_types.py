"""The kinds of problems that the API reports, as one table, from which responses and the documentation are made."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class ProblemType:
    """A kind of problem: its code, the HTTP status, and texts that say what happened, what it means, and what to do."""

    code: str
    status: int
    title: str
    detail: str
    hint: str

    @property
    def type_uri(self) -> str:
        """The `type` of the problem: the address where the reference explains it."""
        return f"{settings.PUBLIC_URL}/api/#problem-{self.code}"


PROBLEM_TYPES = {
    problem_type.code: problem_type
    for problem_type in (
        ProblemType(
            "malformed",
            400,
            "The request cannot be read",
            "The body is not valid JSON, or the request is not well-formed.",
            "Send a JSON object, encoded as UTF-8.",
        ),
        ProblemType(
            "key_missing",
            401,
            "There is no API key",
            "The request came without an API key, so nobody knows whose data it is about.",
            "Send the header: Authorization: Bearer nrp_... Owners make keys under Account > API keys.",
        ),
        ProblemType(
            "key_malformed",
            401,
            "This is no API key",
            "What the Authorization header holds does not read as a key does.",
            "Send the whole key as it was shown, as: Authorization: Bearer nrp_...",
        ),
        ProblemType(
            "key_unknown",
            401,
            "The API key is wrong",
            "There is no such API key, or its secret is wrong.",
            "Check that the key was copied whole. A lost key cannot be shown again: make another.",
        ),
        ProblemType(
            "key_revoked", 401, "The API key was revoked", "An owner revoked this key.", "Ask an owner for a new key."
        ),
        ProblemType(
            "key_expired",
            401,
            "The API key has expired",
            "The last day of this key is over.",
            "Ask an owner for a new key. Owners get a mail 30, 7 and 1 days before a key expires.",
        ),
        ProblemType(
            "key_stopped",
            401,
            "The API key stopped",
            "The person who answers for this key left the account, cannot sign in, or may no longer make keys.",
            "Ask an owner to take the key over, under Account > API keys. It works again at once.",
        ),
        ProblemType(
            "https_required",
            403,
            "The API takes https only",
            "The request came over plain http, where others on the way can read it, an API key included.",
            "Send requests to the https address. Ask an owner for a new key if this one was sent over plain http.",
        ),
        ProblemType(
            "address_not_allowed",
            403,
            "The API key may not be used from this address",
            "The key is good, but is bound to other addresses than the one that the request came from.",
            "Send requests from an address of the key, or ask an owner for a key for this one.",
        ),
        ProblemType(
            "scope_missing",
            403,
            "The API key may not do this",
            "The key is good, but lacks the scope that this takes. Scopes are independent: write includes no read.",
            "Make a key with the scope that the answer names.",
        ),
        ProblemType(
            "not_found",
            404,
            "There is nothing here",
            "The account has no such object, or there is no such address.",
            "Check the id. Objects of other accounts are not found either.",
        ),
        ProblemType(
            "method_not_allowed",
            405,
            "This address does not take the method",
            "There is something here, but it is used with another method.",
            "The header Allow names the methods.",
        ),
        ProblemType(
            "number_exists",
            409,
            "The number is in the list already",
            "The account has this number, and nothing was changed.",
            "Change the one that is there: `id` names it.",
        ),
        ProblemType(
            "name_taken",
            409,
            "The name is taken",
            "Another campaign of the account has this name.",
            "Choose another name.",
        ),
        ProblemType(
            "not_possible",
            409,
            "This cannot be done now",
            "The object is in a state in which this makes no sense. Nothing was changed.",
            "Read the object anew; its state says what can be done.",
        ),
        ProblemType(
            "monitoring_would_end",
            409,
            "Monitoring would end for numbers",
            "Monitored numbers would leave their campaign, and no seat is free for them. Nothing was changed.",
            "Free seats, or send `end_monitoring`: true to end the monitoring of those without a seat. "
            "`ends_monitoring` says how many.",
        ),
        ProblemType(
            "too_many_imports",
            409,
            "Too many imports wait to be confirmed",
            "The account has as many unconfirmed imports as it may have. Nothing was imported.",
            "Confirm or cancel one of them, and send the file again.",
        ),
        ProblemType(
            "idempotency_under_way",
            409,
            "The same request is under way",
            "A request with this Idempotency-Key has not been answered yet.",
            "Ask again after the seconds that Retry-After says: the answer will be the first one's.",
        ),
        ProblemType(
            "changed_meanwhile",
            412,
            "It was changed meanwhile",
            "The object is no longer the one that If-Match names: somebody else changed it. Nothing was changed.",
            "Read it anew, and decide again.",
        ),
        ProblemType(
            "too_large",
            413,
            "The request is too large",
            "The body is larger than this address takes.",
            "Send less at a time; many numbers go in a file, or are chosen by a filter.",
        ),
        ProblemType(
            "media_type",
            415,
            "The body has another type",
            "The Content-Type is none that this address reads.",
            "Send application/json, and multipart/form-data where a file is uploaded.",
        ),
        ProblemType(
            "invalid",
            422,
            "Something in the request is wrong",
            "The request can be read, but does not hold what this takes. Nothing was changed.",
            "`errors` names each place and what is wrong there.",
        ),
        ProblemType(
            "cursor_invalid",
            422,
            "This is no cursor of this list",
            "A cursor is only good for the list that it came from, and is passed on as it came.",
            "Begin without a cursor, and go on with `next_cursor`.",
        ),
        ProblemType(
            "not_a_number",
            422,
            "This is no phone number that can be shown",
            "What stands under `number` cannot be a caller ID.",
            "Write it as +12065550143.",
        ),
        ProblemType(
            "file_unreadable",
            422,
            "The file cannot be imported",
            "It is no CSV file or Excel workbook with a column of phone numbers. Nothing was imported.",
            "Send a CSV or .xlsx file with a column number, and label, source and campaign if there are any, or say in "
            "`columns` which column is what.",
        ),
        ProblemType(
            "columns_invalid",
            422,
            "The file cannot be read like this",
            "The columns, the encoding or the sheet do not fit the file. Nothing was changed.",
            "Take the headings, sheets and encodings that the import shows. One column is the number.",
        ),
        ProblemType(
            "idempotency_key_reused",
            422,
            "The Idempotency-Key was used for another request",
            "A key stands for one request: method, address and body. This one differs from the first.",
            "Make a new key for each new request, and send the same only with the very same request.",
        ),
        ProblemType(
            "rate_limited",
            429,
            "Too many requests",
            "The key made more requests in this minute than it may.",
            "Wait for as many seconds as Retry-After says.",
        ),
        ProblemType(
            "server_error",
            500,
            "Something went wrong here",
            "The portal failed, and nothing was changed. Whoever runs it finds the reason in its log.",
            "Try again later, with the same Idempotency-Key.",
        ),
        ProblemType(
            "unavailable",
            503,
            "The portal is not available now",
            "The portal's database or disk cannot be used at the moment. What the request was to change may not be "
            "stored.",
            "Send it again after the seconds that Retry-After says, with the same Idempotency-Key.",
        ),
    )
}
