"""Every page of the site; templates and views make their links from these names."""

from django.urls import path

from guestbook import probe, views

app_name = "guestbook"

urlpatterns = [
    path("", views.home, name="home"),
    path("sign/", views.sign, name="sign"),
    path("files/", views.files, name="files"),
    path("files/<int:pk>/", views.download, name="download"),
    path("stream/", views.stream, name="stream"),
    path("request/", views.request_page, name="request"),
    path("boom/", views.boom, name="boom"),
    # For tests and for the curious: JSON and odd answers, no data of the site.
    path("probe/", probe.echo, name="probe"),
    path("probe/redirect/", probe.to_home, name="probe-redirect"),
    path("probe/cookies/", probe.cookies, name="probe-cookies"),
    path("probe/cached/", probe.cached, name="probe-cached"),
    path("probe/gate/<slug:name>/", probe.gate, name="probe-gate"),
    path("probe/path/<path:rest>", probe.echo, name="probe-path"),
]
