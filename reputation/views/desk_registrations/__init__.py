"""Registrations of numbers at engines, through desks: the list, sending, answers, and numbers given up."""

from reputation.views.desk_registrations import answers, given_up, letters, overview, sending

urls = [*overview.urls, *sending.urls, *answers.urls, *given_up.urls, *letters.urls]

__all__ = ["urls"]
