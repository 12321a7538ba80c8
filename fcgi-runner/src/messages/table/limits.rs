//! Requests that take too long, and workers that get stuck.

super::messages! {
    REQUEST_TIMEOUT = 460 {
        cause: "a request takes longer than requesttimeout, it was interrupted (504)",
        cure: "the stack in the error log says where it was; make that faster, or raise the limit",
        happened: "The application was still busy with a request when its time was over. It was interrupted with \
                   fcgi_runner.RequestTimeout. If nothing had been sent, the visitor got a page with status 504, unless the \
                   application has caught the exception and answered by itself; otherwise the answer was cut off.",
        look: "Below the line in errlog is the Python stack of exactly that thread, the innermost call last. slowlog= shows \
               requests that are slow and still allowed.",
        act: "If the last lines wait for a database or another service, give that call a limit of its own, shorter than this \
              one. Work that has to take long belongs into a queue of jobs.",
        example: "fcgi-run requesttimeout=60 slowlog=slow.log slowtimeout=5",
    }
    REQUEST_STUCK = 461 {
        cause: "a request does not end after its limit, its worker is replaced (504)",
        cure: "the stack above it in the error log says where it waits; give that call a limit of its own",
        happened: "The application was interrupted at requesttimeout and has not reacted within killgrace: it waits in C code, \
                   or catches the exception and goes on. The visitor got 504 all the same. The other requests of the \
                   worker go on to their end, and a new worker has taken its place.",
        look: "The line FR460 of the same request has the Python stack. This line says what the kernel knows of the thread: \
               whether it computes or sleeps, and where.",
        act: "Set time limits for sockets, database connections and locks: an exception in Python cannot end a wait in C.",
        example: "fcgi-run explain FR460",
    }
    INTERPRETER_HELD = 462 {
        cause: "the interpreter cannot be had, the worker is replaced",
        cure: "find the C code that does not let go of the interpreter's lock while it works",
        happened: "For as long as the limit says, no Python could run in the worker: code in C, mostly an extension module, has \
                   kept the interpreter's lock. Nothing can interrupt that, so the process was ended; requests that \
                   ran in it are lost. Those that it had read and not begun were given to another worker, or answered with \
                   503 and Retry-After where that could not be done. Another worker has taken its place.",
        look: "The line names the requests that ran. No Python stack can be had in this state; PYTHONFAULTHANDLER and a debugger \
               show the C code.",
        act: "Update the extension or call it in another process. A regular expression that backtracks without end looks the \
              same. If it is allowed to work for so long, raise deadlocktimeout.",
        example: "gdb -p PID -batch -ex 'thread apply all bt'",
    }
}
