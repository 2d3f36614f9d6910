"""The questions about dialing practices, each with its reason, its law and the severity of a No.

Each question names the month in which its law was last checked. Where a paragraph could not be confirmed, only the
section is named. Change `wording` whenever a question's meaning changes: answers to an older wording are asked for
again. Nothing here is legal advice.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models


class Answer(models.TextChoices):
    YES = "yes", "Yes"
    NO = "no", "No"
    NOT_APPLICABLE = "not_applicable", "Doesn't apply"


class Severity(models.TextChoices):
    """What a No means for remediation. This is our own judgement: no engine publishes one."""

    BLOCKING = "block", "Nothing helps until it is mended"
    SERIOUS = "hard", "Labels are likely to come back"
    MINOR = "note", "Noted only"


@dataclass(frozen=True)
class Question:
    """A question about a dialing practice.

    `practice` names the practice within a sentence, `corrective_action` says what to do after a No.
    Only reviewers see `reviewer_hint`. `law_checked` is the month in which the law was last looked up.
    """

    id: str
    text: str
    practice: str
    why: str
    law: str
    help: str
    severity: Severity
    corrective_action: str
    reviewer_hint: str = ""
    wording: str = "1"
    law_checked: str = "2026-11"


QUESTIONS = (
    Question(
        id="numbers_are_ours",
        text="Is every number on your list assigned to your company, or do you have the owner's written permission "
        "to show it?",
        practice="the right to show each number",
        why="Engines refuse numbers that they cannot tie to your business, and remove those whose ownership they "
        "cannot confirm.",
        law="47 CFR 64.1604(a); 47 U.S.C. 227(e)(1); 16 CFR 310.5(a)(2)(ix)",
        help="Showing a client's number with the client's written permission is a Yes.",
        severity=Severity.BLOCKING,
        corrective_action="Take out the numbers that are not yours, or get the owner's permission in writing for each.",
        reviewer_hint="Ask for a carrier invoice, a letter, or make a test call.",
    ),
    Question(
        id="caller_id_not_misleading",
        text="Do the name and number that people see truthfully point to your business: no borrowed “neighbor” "
        "numbers, no other company's name?",
        practice="a truthful caller ID",
        why="Numbers made to look local or like somebody else's are a pattern that analytics are allowed to act on.",
        law="47 CFR 64.1604(a); 47 U.S.C. 227(e)(1)",
        help="A local number that is really yours, and at which you can be reached, is a Yes.",
        severity=Severity.BLOCKING,
        corrective_action="Show only numbers and names that are your own, and stop showing any other.",
    ),
    Question(
        id="caller_id_shown_and_answered",
        text="Do you always show a number, never “private”, and can a person who rings it in business hours ask not "
        "to be called?",
        practice="a caller ID that is shown and answered",
        why="Numbers that nobody answers draw complaints and blocks.",
        law="47 CFR 64.1601(e); 16 CFR 310.4(a)(8)",
        help="The number shown may be a customer-service line. It counts with existing customers, too.",
        severity=Severity.SERIOUS,
        corrective_action="Show a number on every call, and have it answered by somebody who can take a do-not-call "
        "request.",
        reviewer_hint="A block where the caller ID is hidden.",
    ),
    Question(
        id="carrier_vouches",
        text="Does your phone company know who you are, and sign your calls at full (“A”) level on these numbers?",
        practice="calls signed by your phone company",
        why="Calls that are unsigned, or signed at a lower level, are trusted less. Full level alone does not "
        "prevent labels.",
        law="47 CFR 64.6301, 64.6305 and 64.1200(n)(4)",
        help="These are your phone company's duties. Ask it at which level it signs; a lower one is normal where "
        "numbers come from another company.",
        severity=Severity.SERIOUS,
        corrective_action="Ask your phone company to verify your business and your numbers, and to sign your calls at "
        "level A.",
        reviewer_hint="The duties are the provider's. Ask for evidence; look it up in the Robocall Mitigation "
        "Database.",
    ),
    Question(
        id="calling_hours",
        text="Do you place sales calls only from 8 a.m. to 9 p.m. in the called person's own time zone?",
        practice="the calling hours",
        why="Calls early and late bring complaints.",
        law="47 CFR 64.1200(c)(1); 16 CFR 310.4(c)",
        help="The hour counts where the person is, and the area code only hints at it. Some states end earlier.",
        severity=Severity.BLOCKING,
        corrective_action="Let the dialer stop by the called person's time: 8 a.m. to 9 p.m., and earlier where a "
        "state says so.",
    ),
    Question(
        id="national_dnc_scrub",
        text="Before sales calls, do you remove numbers on the National Do Not Call Registry, using a copy at most "
        "31 days old?",
        practice="the Do Not Call Registry check",
        why="People on the registry complain about calls, and complaints feed the engines' scores.",
        law="47 CFR 64.1200(c)(2); 16 CFR 310.4(b)(1)(iii)(B) and 310.4(b)(3)(iv)",
        help="The 31 days run from the date of the registry's copy, not from your check. Calls to businesses, to "
        "people who gave you signed permission, and to recent customers may be exempt: then say why.",
        severity=Severity.BLOCKING,
        corrective_action="Load the registry at least every 31 days and take its numbers out before each campaign.",
        reviewer_hint="“Doesn't apply” with a sales purpose: ask which exemption (calls to businesses, relationship, "
        "written permission).",
    ),
    Question(
        id="own_do_not_call_list",
        text="Do you keep your own written do-not-call policy and list, train staff on it, and check it before each "
        "call?",
        practice="your own do-not-call list",
        why="A call after “stop” draws a block and a spam report.",
        law="47 CFR 64.1200(d)(1) to (3) and (d)(6); 16 CFR 310.4(b)(1)(iii)(A)",
        help="It binds with existing customers, too. Requests are kept for five years.",
        severity=Severity.BLOCKING,
        corrective_action="Write the policy down, keep one list for all who call for you, and check it before each "
        "call.",
    ),
    Question(
        id="stop_requests_10_days",
        text="When anyone asks you to stop, in any clear way, do you stop within 10 business days?",
        practice="honouring requests to stop",
        why="A call after “stop” draws a block and a spam report.",
        law="47 CFR 64.1200(a)(10) to (12) and (d)(3)",
        help="Ten business days are the longest; sooner is better. The FCC is revising how such requests may be made.",
        severity=Severity.BLOCKING,
        corrective_action="Take every clear request, by any way it comes, and stop within 10 business days at most.",
        reviewer_hint="FCC 26-67 (adopted 30 September 2026) changes which ways of asking count: check if in force.",
    ),
    Question(
        id="consent_for_automated",
        text="If you use an autodialer, recordings or an AI voice, do you have recorded permission for each person, "
        "in signed written form for sales? (Yes if you use none.)",
        practice="permission for automated calls",
        why="Proof of permission is what reviewers ask for first.",
        law="47 CFR 64.1200(a)(1) to (3) and (f)(9); 16 CFR 310.4(b)(1)(v) and 310.5",
        help="An existing relationship is not permission for a recorded or AI-voice call, and calls to a business's "
        "mobile are not exempt.",
        severity=Severity.BLOCKING,
        corrective_action="Stop automated calls to everybody whose permission you cannot show, and record it for the "
        "others.",
    ),
    Question(
        id="lead_source_proof",
        text="For contacts bought from or shared by others, can you show when, where and with what wording each "
        "person agreed to hear from you? (Yes if you buy none.)",
        practice="proof for bought contacts",
        why="Bought lists mean wrong numbers and calls that nobody expects.",
        law="47 CFR 64.1200(f)(9) and (c)(2)(ii); 16 CFR 310.4(b)(1)(v)",
        help="The page, the date and the words that the person saw, for each contact.",
        severity=Severity.SERIOUS,
        corrective_action="Ask the seller for the proof of each contact, and do not call those without.",
        reviewer_hint="A block where there is no proof at all. With a Yes, ask for a sample record.",
    ),
    Question(
        id="recorded_or_ai_voice_rules",
        text="Do recorded or AI-voice messages start by naming your business, give a callback number, and offer a "
        "choice to press or say to stop? (Yes if you use none.)",
        practice="how recorded messages begin",
        why="Where there is no way to opt out, people report spam instead.",
        law="47 CFR 64.1200(b)(1) to (3); FCC 24-17",
        help="An AI voice counts as an artificial voice.",
        severity=Severity.BLOCKING,
        corrective_action="Begin each message with your name, give a number to call back, and offer the opt-out at "
        "once.",
    ),
    Question(
        id="say_who_and_why",
        text="On live sales calls, do agents promptly say their name, the company, how to reach it, and that it is a "
        "sales call?",
        practice="how live calls begin",
        why="People hang up on callers they do not know, and short calls lower a number's score.",
        law="47 CFR 64.1200(d)(4); 16 CFR 310.4(d)",
        help="Service calls that sell nothing are not meant.",
        severity=Severity.SERIOUS,
        corrective_action="Put name, company, a way to reach it and the purpose into the first sentence of the script.",
    ),
    Question(
        id="abandoned_calls_3pct",
        text="If you use a predictive dialer, do you keep dropped or silent answered calls at or under 3% per "
        "campaign in each 30 days? (Yes if you don't use one.)",
        practice="the share of dropped calls",
        why="Silent and very short calls look like robocalls.",
        law="47 CFR 64.1200(a)(7); 16 CFR 310.4(b)(1)(iv) and 310.4(b)(4)",
        help="Counted on sales calls answered by a person, who must be connected within two seconds.",
        severity=Severity.SERIOUS,
        corrective_action="Slow the dialer until the share is under 3%, and keep the report of each campaign.",
        reviewer_hint="A block where it is over 3% and rising. Ask for the abandon report.",
    ),
    Question(
        id="ring_15_seconds",
        text="Do you let unanswered sales calls ring at least 15 seconds or four rings?",
        practice="letting it ring",
        why="One ring and gone is the signature of a robocall.",
        law="47 CFR 64.1200(a)(6); 16 CFR 310.4(b)(4)(ii)",
        help="It is a setting of the dialer.",
        severity=Severity.SERIOUS,
        corrective_action="Set the dialer to hang up after 15 seconds or four rings, not before.",
    ),
    Question(
        id="reassigned_number_check",
        text="Before calling on older permission, do you check whether the number has changed hands, in the FCC's "
        "Reassigned Numbers Database or a similar one?",
        practice="the check for reassigned numbers",
        why="Calls to the wrong person are reported as spam.",
        law="47 CFR 64.1200(m)",
        help="This is voluntary: the check protects you, it is no duty.",
        severity=Severity.MINOR,
        corrective_action="Check numbers in the Reassigned Numbers Database before calling on permission that is "
        "months old.",
    ),
    Question(
        id="attempt_limits",
        text="Do you cap repeat attempts to the same person, and stop after “wrong number”?",
        practice="the cap on repeat attempts",
        why="Bursts of calls, short calls and complaints are what analytics count.",
        law="16 CFR 310.4(b); for debts 12 CFR 1006.14(b)(2)(i)",
        help="Three a day to one person is a cap that some states set. There is no federal number for sales calls.",
        severity=Severity.SERIOUS,
        corrective_action="Set the dialer to at most three attempts a day to one person, and end them at “wrong "
        "number”.",
    ),
    Question(
        id="calls_per_number",
        text="Do you limit how many calls go out from each of your numbers a day, and spread them over the day?",
        practice="the limit of calls per number and day",
        why="Bursts of calls from one number are what analytics act on first, however good each call is.",
        law="47 CFR 64.1200(k), on which calls analytics may block; no rule sets a number",
        help="What is usual depends on your calls. Changing numbers to shake off a label makes it worse.",
        severity=Severity.SERIOUS,
        corrective_action="Set a daily limit for each number in the dialer, and let the numbers take turns.",
    ),
    Question(
        id="records_kept",
        text="Do you keep your scripts, call records, permissions and do-not-call requests for five years?",
        practice="keeping records",
        why="Where an engine or a carrier disputes, only records show who was called, when, and with which permission.",
        law="16 CFR 310.5(a); 47 CFR 64.1200(d)(6)",
        help="Five years from when each was made. For each call: both numbers, the time, how long, and the outcome.",
        severity=Severity.MINOR,
        corrective_action="Keep each script, call record, permission and do-not-call request for five years, where it "
        "can be found.",
        reviewer_hint="Business-to-business sales calls are free of 16 CFR 310.5.",
    ),
)

QUESTIONS_BY_ID = {question.id: question for question in QUESTIONS}
