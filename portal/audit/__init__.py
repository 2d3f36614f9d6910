from portal.audit.record import SYSTEM, Actor, record_changes, record_event

__all__ = ["SYSTEM", "Actor", "record_changes", "record_event"]
