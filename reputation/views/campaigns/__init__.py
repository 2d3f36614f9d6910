"""Outbound Dialer > Campaigns: the list, a campaign's page, its default caller ID, and assigning numbers."""

from django.urls import path

from reputation.views.campaigns.changes import change_campaign
from reputation.views.campaigns.pages import (
    add_campaign,
    assign_numbers,
    campaign_detail,
    campaign_list,
    search_default_caller_id,
)

urls = [
    path("outbound-dialer/campaigns/", campaign_list, name="campaigns"),
    path("outbound-dialer/campaigns/add/", add_campaign, name="campaign-add"),
    path("outbound-dialer/campaigns/<int:pk>/", campaign_detail, name="campaign"),
    path("outbound-dialer/campaigns/<int:pk>/change/", change_campaign, name="campaign-change"),
    path("outbound-dialer/campaigns/<int:pk>/default/", search_default_caller_id, name="campaign-default"),
    path("outbound-dialer/campaigns/<int:pk>/assign/", assign_numbers, name="campaign-assign"),
]
