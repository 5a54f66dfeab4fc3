from django.urls import URLPattern, path

from hub.accounts.api import log, organisations, people, tokens

urlpatterns: list[URLPattern] = [
    path("me/", people.MeView.as_view(), name="api-me"),
    path("users/<str:username>/", people.PersonView.as_view(), name="api-user"),
    path("tokens/", tokens.TokenListView.as_view(), name="api-tokens"),
    path("tokens/<int:token_id>/", tokens.TokenView.as_view(), name="api-token"),
    path("organisations/", organisations.OrganisationListView.as_view(), name="api-organisations"),
    path("organisations/<str:name>/", organisations.OrganisationView.as_view(), name="api-organisation"),
    path("organisations/<str:name>/members/", organisations.MemberListView.as_view(), name="api-members"),
    path(
        "organisations/<str:name>/members/<str:username>/",
        organisations.MemberView.as_view(),
        name="api-member",
    ),
    path(
        "organisations/<str:name>/invitations/",
        organisations.InvitedListView.as_view(),
        name="api-organisation-invitations",
    ),
    path("log/", log.LogView.as_view(), name="api-log"),
    path("organisations/<str:name>/log/", log.OrganisationLogView.as_view(), name="api-organisation-log"),
    path("invitations/", organisations.InvitationListView.as_view(), name="api-invitations"),
    path("invitations/<int:invitation_id>/", organisations.InvitationView.as_view(), name="api-invitation"),
]
