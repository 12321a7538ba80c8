"""Pages for tests: what reached the application, and answers of unusual shape.

They tell only what the request itself said and keep nothing, so they may stay on the demo site.
"""

import hashlib
import os
import select

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import etag

GATE_SECONDS = 20


@csrf_exempt
def echo(request, rest=None):
    """The request as the application got it, as JSON; the body as its length and SHA-256."""
    digest, length = hashlib.sha256(), 0
    while chunk := request.read(65536):
        digest.update(chunk)
        length += len(chunk)
    meta = request.META
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "script_name": meta.get("SCRIPT_NAME"),
            "path_info": request.path_info,
            "rest": rest,
            "query": meta.get("QUERY_STRING"),
            "get": request.GET.dict(),
            "content_length": meta.get("CONTENT_LENGTH"),
            "content_type": meta.get("CONTENT_TYPE"),
            "body_length": length,
            "body_sha256": digest.hexdigest(),
            "headers": {name: value for name, value in meta.items() if name.startswith("HTTP_")},
            "server_software": meta.get("SERVER_SOFTWARE"),
            "remote_addr": meta.get("REMOTE_ADDR"),
            "url_scheme": meta["wsgi.url_scheme"],
            "multithread": meta["wsgi.multithread"],
            "multiprocess": meta["wsgi.multiprocess"],
            "run_once": meta["wsgi.run_once"],
            "pid": os.getpid(),
        }
    )


def to_home(request):
    return redirect("guestbook:home")


def cookies(request):
    """Two Set-Cookie headers, which must stay two."""
    response = HttpResponse("two cookies\n", content_type="text/plain")
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@etag(lambda request: '"guestbook-1"')
def cached(request):
    """200 with an ETag, and 304 to those who have it."""
    return HttpResponse("the same for ever\n", content_type="text/plain")


def gate(request, name):
    """Sends one line, then waits until somebody writes to the named pipe `gates/NAME` beside manage.py.

    So a test knows that the first line reached it before the second one was made. Without that pipe: 404.
    """
    try:
        pipe = os.open(settings.BASE_DIR / "gates" / name, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Http404(name) from None

    def parts():
        with os.fdopen(pipe, "rb", buffering=0):
            yield "before the gate\n"
            opened, _, _ = select.select([pipe], [], [], GATE_SECONDS)
            yield "the gate was opened\n" if opened else "the gate stayed closed\n"

    response = StreamingHttpResponse(parts(), content_type="text/plain")
    response["X-Accel-Buffering"] = "no"
    return response
