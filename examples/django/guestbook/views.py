"""The pages people see."""

import hashlib
import os
import threading
import time

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST, require_safe

from guestbook.forms import EntryForm, UploadForm
from guestbook.models import Entry, Upload


@require_safe
def home(request):
    """The guestbook itself; counts the visits of this session."""
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return _guestbook(request, EntryForm(), visits)


@require_POST
def sign(request):
    """Adds an entry and goes back, so that a reload of the page does not add it again."""
    form = EntryForm(request.POST)
    if not form.is_valid():
        return _guestbook(request, form, request.session.get("visits", 0), status=422)
    entry = form.save()
    messages.success(request, f"Thank you, {entry.name}. Your entry is in the book.")
    return redirect("guestbook:home")


def files(request):
    """Takes files of any size and shows what arrived."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = _keep(form.cleaned_data["file"])
        messages.success(request, f"{upload.name}: {upload.size} bytes arrived.")
        return redirect("guestbook:files")
    return render(request, "guestbook/files.html", {"form": form, "uploads": Upload.objects.all()[:20]})


@require_safe
def download(request, pk):
    """Gives a file back, always as an attachment: it came from a stranger."""
    upload = get_object_or_404(Upload, pk=pk)
    return FileResponse(upload.file.open("rb"), as_attachment=True, filename=upload.name)


@require_GET
def stream(request):
    """A page that is sent while it is made: `?count=` lines, `?delay=` seconds between them."""
    count = _number(request, "count", default=10, most=1000, kind=int)
    delay = _number(request, "delay", default=0.5, most=10, kind=float)
    page = render_to_string("guestbook/stream.html", {"count": count, "delay": delay}, request)
    head, tail = page.split("<!-- lines -->")

    def parts():
        yield head
        for number in range(1, count + 1):
            if number > 1:
                time.sleep(delay)
            yield f"<li>Line {number} of {count}, written at {time.strftime('%H:%M:%S')}</li>\n"
        yield tail

    response = StreamingHttpResponse(parts())
    response["X-Accel-Buffering"] = "no"  # asks nginx to pass every part on at once
    return response


@require_GET
def request_page(request):
    """What the web server and fcgi-run told the site about this very request."""
    names = ["SERVER_SOFTWARE", "SERVER_PROTOCOL", "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"]
    names += ["REMOTE_ADDR", "HTTP_HOST", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess"]
    rows = [(name, request.META.get(name, "–")) for name in names]
    rows += [("process", os.getpid()), ("thread", threading.current_thread().name)]
    return render(request, "guestbook/request.html", {"rows": rows})


def boom(request):
    """Fails on purpose: the visitor sees the site's own error page, the log has the traceback."""
    raise RuntimeError("this page fails on purpose")


def _guestbook(request, form, visits, status=200):
    entries = Paginator(Entry.objects.all(), 20).get_page(request.GET.get("page"))
    return render(request, "guestbook/home.html", {"form": form, "visits": visits, "entries": entries}, status=status)


def _keep(uploaded):
    """Saves an uploaded file in MEDIA_ROOT, with the hash of its bytes; reads it in chunks."""
    digest = hashlib.sha256()
    for chunk in uploaded.chunks():
        digest.update(chunk)
    return Upload.objects.create(file=uploaded, name=uploaded.name, size=uploaded.size, sha256=digest.hexdigest())


def _number(request, name, default, most, kind):
    """A number from the query string, kept between 0 and `most`; the default when it is none."""
    try:
        value = kind(request.GET.get(name, default))
    except ValueError:
        return default
    return value if 0 <= value <= most else default
