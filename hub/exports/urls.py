from django.urls import path

from hub.exports import views

app_name = "exports"
urlpatterns = [
    path("<str:owner>/<str:name>/exports/<str:commit>/", views.exports, name="list"),
    path("<str:owner>/<str:name>/exports/<str:commit>/start", views.start, name="start"),
    path("<str:owner>/<str:name>/exports/<str:commit>/<str:kind>/download", views.download, name="download"),
]
