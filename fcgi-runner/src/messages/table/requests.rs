//! Answers that the server gives by itself, and why it ends connections.

super::messages! {
    APPLICATION_RAISED = 200 {
        cause: "the application has raised an exception (500)",
        cure: "the traceback in the error log says what and where",
        happened: "The application was called for a request and has raised an exception that it did not catch. If nothing had \
                   been sent, the visitor got a page with status 500; otherwise the answer was cut off.",
        look: "The traceback is in errlog and in the web server's error log. Frameworks with handlers of their own log it \
               themselves, and answer with their own page, without this code.",
        act: "Mend the application. While developing, debug=true shows the traceback in the browser; never leave that on for \
              visitors.",
        example: "fcgi-run http=127.0.0.1:8000 debug=true",
    }
    ANSWER_BROKEN = 201 {
        cause: "the application's answer breaks the rules of WSGI (500)",
        cure: "the traceback in the error log says which rule",
        happened: "The status, a header or the body cannot be sent: a body of str where bytes are wanted, a header with a \
                   line break, a body shorter than its Content-Length, start_response not called or called twice.",
        look: "The last line of the traceback in errlog.",
        act: "Mend the application or its middleware. The checker of the standard library finds such faults: wrap the \
              application in wsgiref.validate.validator.",
        example: "python3 -c 'from wsgiref import validate; help(validate)'",
    }
    APPLICATION_EXIT = 202 {
        cause: "the application wanted to end the process while it served a request (500)",
        cure: "raise an exception of the framework in place of calling sys.exit",
        happened: "SystemExit or KeyboardInterrupt came out of the application. One request cannot end a server: it was \
                   answered with 500, and the worker goes on.",
        look: "The traceback in errlog shows who called sys.exit.",
        act: "Replace the call. To have a worker replaced after a request, see environ[\"fcgi.recycle\"].",
        example: "grep -rn 'sys.exit' /srv/mysite --include=*.py",
    }
    SERVER_BUG = 203 {
        cause: "the server has met an error of its own (500)",
        cure: "report it, with the lines of the log around this one",
        happened: "A part of fcgi-run has failed that must not fail. The request was answered with 500, the worker goes on.",
        look: "The lines just above in errlog have the place in the source.",
        act: "Please report it. Updating may help.",
        example: "fcgi-run version",
    }
    NOT_IMPORTED = 204 {
        cause: "the application could not be imported, so nobody answers (500)",
        cure: "the error log has the traceback and the code of the failed import",
        happened: "A web server has started this process itself, and the application cannot be imported. In place of \
                   starting again and again, the process answers every request with this page.",
        look: "The error log of the web server: what a .fcgi program writes goes there.",
        act: "Mend the import, then let the web server start the program anew; touching the .fcgi file or a reload does it.",
        example: "cd /srv/mysite && fcgi-run check",
    }
    QUEUE_TIMEOUT = 210 {
        cause: "the request has waited for longer than queuetimeout (503)",
        cure: "more workers or threads, or an application that is faster",
        happened: "All workers were busy for so long that the visitor would not have waited any more. The request was answered \
                   with 503 and Retry-After without calling the application.",
        look: "errlog says every ten seconds how many there were; accesslog has the durations of the requests.",
        act: "Find out what the workers wait for: a slow database, or a service that hangs. If they compute, there are too few \
              cores; if they wait, raise maxchildren or use threads=.",
        example: "fcgi-run explain FR211",
    }
    OVERLOAD = 211 {
        cause: "too many requests on one connection (503)",
        cure: "let the web server open more connections, or ask for less at once",
        happened: "A web server that sends several requests at once over one connection has sent more than are allowed. Those \
                   beyond were answered with 503.",
        look: "The line in errlog names the peer.",
        act: "Only few web servers do that at all. If it is not your own program that talks to the socket, somebody else can \
              reach it: see who may connect.",
        example: "ss -xp | grep mysite.sock",
    }
    NO_ROOM = 212 {
        cause: "there is no room for the body of a request (503)",
        cure: "make room in the folder for temporary files, or set TMPDIR",
        happened: "Large bodies wait in an unlinked file below TMPDIR or /tmp. It could not be made, or the disk is full.",
        look: "The line before in errlog says what the system says. df -h /tmp shows the room.",
        act: "Make room, let TMPDIR name a larger disk, or bound uploads with maxbody=.",
        example: "df -h /tmp /var/tmp",
    }
    BODY_TOO_LARGE = 220 {
        cause: "the request body is larger than maxbody (413)",
        cure: "raise maxbody= if such uploads are meant to work",
        happened: "The visitor wanted to upload more than the limit. The application was not called.",
        look: "The line in errlog; the web server has a limit of its own, client_max_body_size in nginx.",
        act: "Raise both limits, or tell your visitors how much they may send.",
        example: "fcgi-run maxbody=200m socket=/tmp/mysite.sock",
    }
    HEADERS_TOO_LARGE = 221 {
        cause: "the headers of the request are larger than maxparams (431)",
        cure: "look for cookies that grow; or raise maxparams=",
        happened: "Headers and variables of one request passed the limit. The application was not called.",
        look: "The line in errlog says which limit: all bytes together, their number, or a single length.",
        act: "It is nearly always a cookie that a site fills again and again. Deleting cookies helps the visitor, a session \
              kept on the server helps all of them.",
        example: "fcgi-run maxparams=2m socket=/tmp/mysite.sock",
    }
    BODY_TIMEOUT = 222 {
        cause: "the request body did not arrive in time (408)",
        cure: "usually a visitor on a poor line; let the web server buffer uploads",
        happened: "The visitor, or the web server, has stopped sending in the middle of a body. An application that \
                   was already reading it gets an error from wsgi.input; one that was not is not called.",
        look: "The line in errlog names the peer.",
        act: "Nothing, if it is rare. With fastcgi_request_buffering on, nginx waits for slow visitors itself.",
        example: "grep -rn fastcgi_request_buffering /etc/nginx",
    }
    BAD_LENGTH = 223 {
        cause: "the announced length of the request makes no sense (400)",
        cure: "look at what the web server sends as CONTENT_LENGTH",
        happened: "CONTENT_LENGTH is no number. A web server sends what it has counted itself, so this is a program that talks \
                   to the socket, or a wrong fastcgi_param line.",
        look: "The line in errlog names the peer.",
        act: "In nginx the line is: fastcgi_param CONTENT_LENGTH $content_length;",
        example: "grep -rn CONTENT_LENGTH /etc/nginx",
    }
    BAD_PARAMS = 224 {
        cause: "the variables of the request are malformed (400)",
        cure: "look at who talks to the socket",
        happened: "The web server's record of variables ends in the middle of a pair, or a variable holds a zero byte. No web \
                   server does that by itself.",
        look: "The line in errlog names the peer and says what is wrong.",
        act: "See who may connect to the socket, and close it for others.",
        example: "fcgi-run check socket=/tmp/mysite.sock",
    }
    BODY_SHORT = 225 {
        cause: "the web server has sent less than it announced (400)",
        cure: "usually a visitor who has broken off",
        happened: "A filter is only called with its whole input, and that ended early.",
        look: "The web server's error log has the same request.",
        act: "Nothing, if it is rare.",
        example: "tail /var/log/nginx/error.log",
    }
    GIVEN_UP = 226 {
        cause: "the web server has given the request up (400)",
        cure: "usually a visitor who has gone",
        happened: "The web server has sent an abort before the application was called. The page is mostly read by nobody.",
        look: "loglevel=debug shows each of them.",
        act: "Nothing, if it is rare. If visitors leave because pages are slow, look at the durations in accesslog.",
        example: "fcgi-run loglevel=debug daemonize=false socket=/tmp/mysite.sock",
    }
    PROTOCOL_ERROR = 227 {
        cause: "what came on a connection is not FastCGI, it was closed",
        cure: "let the web server speak FastCGI to this address, not HTTP",
        happened: "The first bytes are those of another protocol, or a record contradicts itself. Most often proxy_pass is \
                   used in place of fastcgi_pass, or a browser was pointed at the port.",
        look: "The line in errlog names the peer, and what the bytes look like.",
        act: "Correct the web server's configuration. To look with a browser, use http=127.0.0.1:8000.",
        example: "nginx -T 2>/dev/null | grep -n -E 'fastcgi_pass|proxy_pass'",
    }
    ANSWER_NOT_READ = 228 {
        cause: "the web server has not read the answer in time, the connection was closed",
        cure: "let the web server buffer answers",
        happened: "The answer was ready, and nobody took it off the socket for a long time. So as not to be held for ever, the \
                   worker has given it up.",
        look: "The line in errlog names the peer; the web server's log has the request.",
        act: "fastcgi_buffering on lets nginx take whole answers, and slow visitors then wait for nginx alone.",
        example: "nginx -T 2>/dev/null | grep -n buffering",
    }
    HEAD_TIMEOUT = 229 {
        cause: "a request was not whole in time, the connection was closed",
        cure: "look at who talks to the socket",
        happened: "A connection was opened and a request begun, and its variables never came. A web server sends them in one \
                   piece.",
        look: "The line in errlog names the peer.",
        act: "Usually it is a port scanner or a broken program. Bind to 127.0.0.1 or to a Unix socket.",
        example: "ss -tnp | grep 3033",
    }
}
