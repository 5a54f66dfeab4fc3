from django.urls import path

from hub.jobs import views

app_name = "jobs"
urlpatterns = [
    path("compose/", views.compose, name="compose"),
    path("compose/check/", views.check, name="check"),
    path("jobs/", views.jobs, name="list"),
    path("jobs/<int:job_id>/", views.detail, name="detail"),
    path("jobs/<int:job_id>/live/", views.live, name="live"),
    path("jobs/<int:job_id>/cancel/", views.cancel, name="cancel"),
]
