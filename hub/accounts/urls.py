"""Sign up, in and out; the settings of an account."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from hub.accounts import organisation_views as orgs
from hub.accounts import views

urlpatterns = [
    path("signup/", views.signup, name="signup"),
    path("signin/", views.SignIn.as_view(), name="signin"),
    path("signout/", LogoutView.as_view(), name="signout"),
    path("settings/", views.settings_home, name="settings"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke-token"),
    path("settings/organisations/", orgs.mine, name="organisations"),
    path("settings/invitations/<int:invitation_id>/", orgs.answer, name="invitation"),
    path("organisations/new/", orgs.new, name="organisation-new"),
    path("organisations/<str:name>/members/", orgs.members, name="organisation-members"),
    path("organisations/<str:name>/members/<str:username>/role/", orgs.role, name="member-role"),
    path("organisations/<str:name>/members/<str:username>/remove/", orgs.remove, name="member-remove"),
    path(
        "organisations/<str:name>/invitations/<str:username>/withdraw/", orgs.withdraw, name="member-withdraw"
    ),
    path("organisations/<str:name>/settings/", orgs.settings_page, name="organisation-settings"),
    path("organisations/<str:name>/delete/", orgs.delete, name="organisation-delete"),
    path("organisations/<str:name>/log/", orgs.log, name="organisation-log"),
    path("settings/log/", views.log, name="log"),
    path("settings/password/", views.ChangePassword.as_view(), name="password"),
]
