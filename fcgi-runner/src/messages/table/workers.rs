//! Processes and threads.

super::messages! {
    WORKER_START = 140 {
        cause: "a worker cannot be started",
        cure: "see what the system says; usually a limit on processes or memory",
        happened: "The system has refused a new process, or a file that every worker opens, such as the access log.",
        look: "The message ends with what the system says; ulimit -u and the TasksMax= of the service limit processes.",
        act: "Raise the limit, or lower maxchildren.",
        example: "systemctl show -p TasksMax,TasksCurrent mysite",
    }
    FIRST_WORKER_DIED = 141 {
        cause: "the first worker died while it imported the application",
        cure: "the message says by which signal; import the application by hand to see it",
        happened: "The process has ended without a Python exception: a library in C has crashed, the application has called \
                   os._exit, or the kernel has killed it for its memory.",
        look: "The message says how it ended. After a KILL, see dmesg.",
        act: "Import the application by hand with the fault handler on; it names the Python line of a crash.",
        example: "python3 -X faulthandler -c 'import mysite.wsgi'",
    }
    WORKER_DIED = 142 {
        cause: "a worker died while it was serving",
        cure: "look in the log for what it did last; after a KILL, look at the machine's memory",
        happened: "The process has ended without being told to. The requests it was serving are lost, and the web server \
                   has answered them with its own 502. Another worker takes its place at once.",
        look: "The line says how it ended: SIGSEGV and SIGABRT are crashes in C code, SIGKILL is mostly the kernel's doing \
               when memory is short (dmesg | grep -i kill), an exit status is the application's own os._exit.",
        act: "A single one can be left alone. If it goes on, run with PYTHONFAULTHANDLER=1, which writes the Python stack of a \
              crash to errlog, and update the library that it names.",
        example: "dmesg -T | grep -i -E 'killed process|segfault' | tail",
    }
    WORKERS_DIE_FAST = 143 {
        cause: "workers die soon after they were started",
        cure: "look at the lines before this one for how they die",
        happened: "Several workers have ended right after their start. So as not to burn the machine, the next ones are \
                   started after a pause, which grows as long as this goes on.",
        look: "The lines above in the log say how each one has ended.",
        act: "Mend the cause as for FR142; the server then recovers by itself.",
        example: "fcgi-run explain FR142",
    }
    FRONT_DIED = 144 {
        cause: "the preview front has died",
        cure: "see the messages before this one",
        happened: "The process that answers browsers (http=) has ended, so the server stops.",
        look: "The lines above in the log or on the terminal.",
        act: "Start it again. The preview is for development; visitors belong behind a web server.",
        example: "fcgi-run http=127.0.0.1:8000",
    }
    CANNOT_GO_ON = 145 {
        cause: "a process of the server cannot go on",
        cure: "see what the system says in the message",
        happened: "A worker, or a server without a master, has met an error of the system that leaves it nothing to do: it \
                   cannot wait for connections any more, or cannot open its log. A master starts another worker.",
        look: "The line of the log, and those before it.",
        act: "Look at limits on descriptors and memory.",
        example: "ulimit -n; free -m",
    }
    RELOAD_GIVEN_UP = 146 {
        cause: "a reload was given up, the old workers go on serving",
        cure: "mend what the traceback above says, and reload once more",
        happened: "New workers could not import the application. Visitors have noticed nothing: the old code is still \
                   serving. A restart, however, would fail now.",
        look: "The lines above in the log hold the traceback.",
        act: "Mend the code or its environment, check it, and reload again.",
        example: "fcgi-run check running config=mysite.toml && kill -HUP `cat mysite.pid`",
    }
    NEW_WORKER_FAILED = 147 {
        cause: "a new worker cannot serve",
        cure: "the traceback below the line says why",
        happened: "A worker that was started while others serve could not import the application or open its logs. Those that \
                   serve go on.",
        look: "The traceback in the log; its own code is in its first line.",
        act: "Mend that. If the code on the disk is being changed just now, reload when the change is complete.",
        example: "fcgi-run check",
    }
    ACCEPT_FAILED = 148 {
        cause: "connections cannot be accepted for the moment",
        cure: "raise the limit on open files; a new attempt is made every second",
        happened: "The system has refused a connection, mostly because the process has no descriptors left. Connections \
                   wait in the listen queue meanwhile.",
        look: "The line says what the system says. ls /proc/PID/fd shows what is open.",
        act: "Raise LimitNOFILE=. If the number of open files grows without end, the application forgets to close them.",
        example: "grep 'open files' /proc/`cat mysite.pid`/limits",
    }
    CONNECTIONS_FULL = 149 {
        cause: "a worker has as many connections as it may",
        cure: "raise maxconnections=, or let the web server keep fewer",
        happened: "Further connections wait until one of them is closed, or are taken by other workers.",
        look: "keepalive in nginx and max in Apache's ProxyPass say how many connections are kept.",
        act: "The web server needs no more kept connections than there are requests at once.",
        example: "ss -xp | grep -c mysite.sock",
    }
    THREAD_START = 150 {
        cause: "an application thread cannot be started",
        cure: "raise the limit on processes and threads, or lower maxchildren or threads",
        happened: "The system has refused a thread. The threads that are there go on serving.",
        look: "ulimit -u counts threads, too; so does the TasksMax= of a systemd service.",
        act: "Raise the limit.",
        example: "systemctl show -p TasksMax,TasksCurrent mysite",
    }
}
