"""Sign up, in and out; the settings of an account."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from hub.accounts import views

urlpatterns = [
    path("signup/", views.signup, name="signup"),
    path("signin/", views.SignIn.as_view(), name="signin"),
    path("signout/", LogoutView.as_view(), name="signout"),
    path("settings/", views.settings_home, name="settings"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke-token"),
    path("settings/password/", views.ChangePassword.as_view(), name="password"),
]
