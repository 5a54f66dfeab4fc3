from django.urls import URLPattern, path

from hub.accounts.api import tokens

urlpatterns: list[URLPattern] = [
    path("tokens/", tokens.TokenListView.as_view(), name="api-tokens"),
    path("tokens/<int:token_id>/", tokens.TokenView.as_view(), name="api-token"),
]
