"""Choices of the business section: states and territories, kinds of business, industries, purposes."""

from __future__ import annotations

from django.db import models

# 47 U.S.C. 153(47) and (58): the States, the District of Columbia and the territories.
US_STATES = (
    ("AL", "Alabama"), ("AK", "Alaska"), ("AS", "American Samoa"), ("AZ", "Arizona"), ("AR", "Arkansas"),
    ("CA", "California"), ("CO", "Colorado"), ("CT", "Connecticut"), ("DE", "Delaware"),
    ("DC", "District of Columbia"), ("FL", "Florida"), ("GA", "Georgia"), ("GU", "Guam"), ("HI", "Hawaii"),
    ("ID", "Idaho"), ("IL", "Illinois"), ("IN", "Indiana"), ("IA", "Iowa"), ("KS", "Kansas"), ("KY", "Kentucky"),
    ("LA", "Louisiana"), ("ME", "Maine"), ("MD", "Maryland"), ("MA", "Massachusetts"), ("MI", "Michigan"),
    ("MN", "Minnesota"), ("MS", "Mississippi"), ("MO", "Missouri"), ("MT", "Montana"), ("NE", "Nebraska"),
    ("NV", "Nevada"), ("NH", "New Hampshire"), ("NJ", "New Jersey"), ("NM", "New Mexico"), ("NY", "New York"),
    ("NC", "North Carolina"), ("ND", "North Dakota"), ("MP", "Northern Mariana Islands"), ("OH", "Ohio"),
    ("OK", "Oklahoma"), ("OR", "Oregon"), ("PA", "Pennsylvania"), ("PR", "Puerto Rico"), ("RI", "Rhode Island"),
    ("SC", "South Carolina"), ("SD", "South Dakota"), ("TN", "Tennessee"), ("TX", "Texas"),
    ("VI", "U.S. Virgin Islands"), ("UT", "Utah"), ("VT", "Vermont"), ("VA", "Virginia"), ("WA", "Washington"),
    ("WV", "West Virginia"), ("WI", "Wisconsin"), ("WY", "Wyoming"),
)  # fmt: skip


class BusinessType(models.TextChoices):
    SOLE_PROPRIETORSHIP = "sole_proprietorship", "Sole proprietorship"
    PARTNERSHIP = "partnership", "Partnership"
    LLC = "llc", "Limited liability company (LLC)"
    LLP = "llp", "Limited liability partnership (LLP)"
    CORPORATION = "corporation", "Corporation"
    CO_OPERATIVE = "co_operative", "Co-operative"
    NONPROFIT = "nonprofit", "Nonprofit"
    GOVERNMENT = "government", "Government"


class Industry(models.TextChoices):
    AUTOMOTIVE = "automotive", "Automotive"
    EDUCATION = "education", "Education"
    ENERGY = "energy", "Energy and utilities"
    FINANCE = "finance", "Banking and finance"
    GOVERNMENT = "government", "Government"
    HEALTH = "health", "Health care"
    HOME_SERVICES = "home_services", "Home services and construction"
    INSURANCE = "insurance", "Insurance"
    LEGAL = "legal", "Legal"
    MEDIA = "media", "Media and telecommunications"
    NONPROFIT = "nonprofit", "Charity and nonprofit"
    REAL_ESTATE = "real_estate", "Real estate"
    RETAIL = "retail", "Retail and consumer goods"
    STAFFING = "staffing", "Staffing and recruiting"
    TECHNOLOGY = "technology", "Technology"
    TRANSPORT = "transport", "Transport and logistics"
    TRAVEL = "travel", "Travel and hospitality"
    OTHER = "other", "Other"


class Employees(models.TextChoices):
    UP_TO_10 = "1-10", "1 to 10"
    UP_TO_50 = "11-50", "11 to 50"
    UP_TO_200 = "51-200", "51 to 200"
    UP_TO_500 = "201-500", "201 to 500"
    UP_TO_2000 = "501-2000", "501 to 2,000"
    UP_TO_10000 = "2001-10000", "2,001 to 10,000"
    OVER_10000 = "10001+", "More than 10,000"


# The upper end of each band. The last band has none.
MAX_EMPLOYEES: dict[str, int] = {
    Employees.UP_TO_10: 10,
    Employees.UP_TO_50: 50,
    Employees.UP_TO_200: 200,
    Employees.UP_TO_500: 500,
    Employees.UP_TO_2000: 2_000,
    Employees.UP_TO_10000: 10_000,
}


class UseCase(models.TextChoices):
    APPOINTMENTS = "appointments", "Appointment reminders"
    CUSTOMER_CARE = "customer_care", "Customer care"
    DEBT_COLLECTION = "debt_collection", "Debt collection"
    DELIVERY = "delivery", "Delivery and order updates"
    EMERGENCY = "emergency", "Emergency and safety notices"
    FRAUD_ALERTS = "fraud_alerts", "Fraud and security alerts"
    FUNDRAISING = "fundraising", "Fundraising"
    LEAD_GENERATION = "lead_generation", "Lead generation"
    POLITICAL = "political", "Political calls"
    RECRUITING = "recruiting", "Recruiting"
    SURVEYS = "surveys", "Surveys and research"
    TELEMARKETING = "telemarketing", "Sales"
    OTHER = "other", "Other"


SALES_USE_CASES = frozenset({UseCase.LEAD_GENERATION, UseCase.TELEMARKETING})


class OnBehalf(models.TextChoices):
    OWN = "own", "We call for ourselves"
    OTHERS = "others", "We call for other businesses"
