from portal.audit.record import SYSTEM, Actor, Context, record_changes, record_event

__all__ = ["SYSTEM", "Actor", "Context", "record_changes", "record_event"]
