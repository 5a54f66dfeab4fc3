from django.urls import path

from hub.jobs import api

urlpatterns = [
    path("jobs/", api.JobsView.as_view(), name="api-jobs"),
    path("jobs/check/", api.CheckView.as_view(), name="api-job-check"),
    path("jobs/<int:job_id>/", api.JobView.as_view(), name="api-job"),
    path("jobs/<int:job_id>/candidates/", api.CandidatesView.as_view(), name="api-job-candidates"),
    path("jobs/<int:job_id>/rerun/", api.RerunView.as_view(), name="api-job-rerun"),
    path("jobs/<int:job_id>/cancel/", api.CancelView.as_view(), name="api-job-cancel"),
]
