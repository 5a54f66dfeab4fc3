from django.urls import path

from hub.transfers import views

app_name = "transfers"
urlpatterns = [
    path("import/", views.imports, name="imports"),
    path("import/<int:pk>/", views.one, name="import"),
    path("import/<int:pk>/cancel", views.cancel, name="cancel"),
    path("import/<int:pk>/retry", views.retry, name="retry"),
]
