from portal.audit.people import record_about_address, record_about_people, record_about_person
from portal.audit.record import SYSTEM, Actor, Context, record_changes, record_event

__all__ = [
    "SYSTEM",
    "Actor",
    "Context",
    "record_about_address",
    "record_about_people",
    "record_about_person",
    "record_changes",
    "record_event",
]
