//! The preview front (`http=`): pages with status 502 and 500.

super::messages! {
    FRONT_UNREACHABLE = 300 {
        cause: "the application's socket cannot be reached (502)",
        cure: "see on the terminal whether the server is still running",
        happened: "The preview talks to the workers by a socket, and nobody answers there. They have ended or are ending.",
        look: "The terminal where fcgi-run was started, or errlog.",
        act: "Start it again.",
        example: "fcgi-run http=127.0.0.1:8000",
    }
    FRONT_BUSY = 301 {
        cause: "the application is too busy to take another request (502)",
        cure: "wait until what it does is done, or give it more workers",
        happened: "All workers are busy, and the queue of the socket was full for ten seconds.",
        look: "A request that never ends holds a worker for good: a debugger, a loop, a page that waits for itself.",
        act: "Stop with Ctrl-C, twice if need be, and start again; raise maxchildren= or use method=threaded.",
        example: "fcgi-run http=127.0.0.1:8000 method=threaded",
    }
    FRONT_LOST = 302 {
        cause: "the application closed the connection before it answered (502)",
        cure: "the terminal or errlog tells why the worker died",
        happened: "The worker that served the request has ended in the middle of it: a crash in C code, os._exit, or the \
                   memory was short.",
        look: "The line about the worker on the terminal or in errlog has the code FR142.",
        act: "See fcgi-run explain FR142.",
        example: "PYTHONFAULTHANDLER=1 fcgi-run http=127.0.0.1:8000",
    }
    FRONT_REFUSED = 303 {
        cause: "the application's server turned the request away (502)",
        cure: "let the preview talk to fcgi-run, not to another FastCGI server",
        happened: "What answers at the socket plays no role that could give pages, or takes one request at a time only.",
        look: "errlog has what it said.",
        act: "If socket= or port= is that of another server, choose another one.",
        example: "fcgi-run http=127.0.0.1:8000",
    }
    FRONT_NO_ANSWER = 304 {
        cause: "the application ended the request without an answer (502)",
        cure: "the terminal or errlog tells why",
        happened: "The request is over, and neither status nor headers have come.",
        look: "The lines on the terminal or in errlog.",
        act: "Mend what they say.",
        example: "fcgi-run http=127.0.0.1:8000 debug=true",
    }
    FRONT_BAD_ANSWER = 305 {
        cause: "the application's answer cannot be used (502)",
        cure: "errlog says what is wrong with its status or headers",
        happened: "The head of the answer breaks the rules of CGI, or its status is below 200.",
        look: "The line on the terminal or in errlog.",
        act: "Mend the application, or the program that answers in its place.",
        example: "fcgi-run http=127.0.0.1:8000 debug=true",
    }
    FRONT_NOT_FASTCGI = 306 {
        cause: "what answers at the application's socket does not speak FastCGI (502)",
        cure: "give the preview an address of its own, or none",
        happened: "Another program has the address of socket= or port=.",
        look: "ss -ltnp shows who listens on TCP ports, ss -lxp on Unix sockets.",
        act: "Leave the address out: the preview then makes a private one.",
        example: "fcgi-run http=127.0.0.1:8000",
    }
    FRONT_CUT = 307 {
        cause: "the answer was cut off",
        cure: "errlog tells what happened in the middle of it",
        happened: "The answer was shorter than announced, or went on far beyond its end.",
        look: "The lines on the terminal or in errlog.",
        act: "An exception after the first bytes of the body does this: see the traceback.",
        example: "fcgi-run http=127.0.0.1:8000 debug=true",
    }
    STATIC_UNREADABLE = 308 {
        cause: "a static file cannot be read (500)",
        cure: "see what the system says in the log",
        happened: "The file below a folder of static= is there and could not be read, for another reason than its mode.",
        look: "The line on the terminal or in errlog.",
        act: "Look at the disk and the folder.",
        example: "ls -l /srv/mysite/static",
    }
}
