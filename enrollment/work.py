"""The enrollment's kind of work, for portal.jobs.work: mails about its steps."""

from datetime import timedelta

from enrollment.models import Transition
from portal.jobs.work import WorkKind, mail_rows

KINDS = (
    WorkKind(
        "enrollment_mails",
        "Mails about enrollments",
        "enrollment.tasks.send_due_mails",
        mail_rows(Transition),
        "mail_due_at",
        late_after=timedelta(minutes=15),
        sweeps=("enrollment mails",),
    ),
)
