from django.urls import path

from hub.community import views

app_name = "community"
urlpatterns = [
    path("users/<str:name>/likes", views.liked, name="liked"),
    path("<str:owner>/<str:name>/like", views.like, name="like"),
    path("<str:owner>/<str:name>/likers", views.likers, name="likers"),
]
