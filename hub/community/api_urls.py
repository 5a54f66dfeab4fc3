from django.urls import URLPattern, path

from hub.community import api

urlpatterns: list[URLPattern] = [
    path("modules/<str:owner>/<str:name>/like/", api.LikeView.as_view(), name="api-like"),
    path("modules/<str:owner>/<str:name>/likers/", api.LikersView.as_view(), name="api-likers"),
    path("users/<str:name>/likes/", api.LikedView.as_view(), name="api-liked"),
]
