//! A running server: what the system or the application did not let it do, and what that means for visitors.

super::messages! {
    NOT_WATCHED = 400 {
        cause: "the system does not let the server watch for something",
        cure: "raise the limits on open files and memory; look at what the system says in the line",
        happened: "The server wanted to be told when something happens: that a connection has input, that a worker or an operator \
                   has said something, that a time is over. The system has refused, nearly always for want of descriptors \
                   or of memory. What would have been watched is given up; everything else goes on.",
        look: "The line says what was to be watched, and what the system says. ls /proc/PID/fd | wc -l counts what is open.",
        act: "Raise LimitNOFILE=, and look whether the machine is short of memory. If workers cannot be heard any more, a \
              restart is the quickest cure.",
        example: "grep 'open files' /proc/`cat mysite.pid`/limits; free -m",
    }
    HELPER_THREAD = 401 {
        cause: "a thread that helps with serving cannot be started",
        cure: "raise the limit on processes and threads: ulimit -u, TasksMax= of the service",
        happened: "Beside the threads of the application a worker has a few of its own: to look after connections while the \
                   application works, and to interrupt requests that take too long. One of them could not be started. \
                   Requests are served all the same, but a limit or an abort may go unnoticed.",
        look: "The line says which thread it was, and what the system says.",
        act: "Raise the limit, or lower maxchildren or threads; then reload.",
        example: "systemctl show -p TasksMax,TasksCurrent mysite",
    }
    NOT_NOW = 402 {
        cause: "an order was not carried out, the server goes on as it was",
        cure: "read the reason in the line, and ask again when it does not hold any more",
        happened: "A signal has asked for something that cannot be done now, or not with this server: an upgrade while another \
                   one is under way, one worker more than maxchildren, a reload of code that is not the server's to load.",
        look: "The line has the reason. fcgi-run ctl status shows whether the server is starting, reloading or stopping.",
        act: "Wait until it is done, then ask again. fcgi-run ctl says at once whether an order is carried out; a signal cannot.",
        example: "fcgi-run ctl reload pidfile=/run/mysite.pid",
    }
    NURSERY_DIED = 403 {
        cause: "the process of which workers are forked has died",
        cure: "nothing has to be done: the next worker makes a new one; look for what ended it",
        happened: "Workers are copies of one process that has started the interpreter, and with preload=true imported the \
                   application. It has ended without being told to. Those who serve go on.",
        look: "The line says how it ended: SIGKILL is mostly the kernel's doing when memory is short, SIGSEGV a crash in C code \
               that was imported.",
        act: "If it comes again, look at the machine's memory, and start once without preload.",
        example: "dmesg -T | grep -i -E 'killed process|segfault' | tail",
    }
    CONTROL_CONNECTION = 404 {
        cause: "a connection to the control socket cannot be taken",
        cure: "look at what the system says; mostly the limit on open files is reached",
        happened: "Somebody wanted to ask the server something with fcgi-run ctl, and the system has refused the connection. \
                   Visitors are not touched. Those who ask wait, and are heard a second later if that is possible then.",
        look: "The line says what the system says.",
        act: "Raise LimitNOFILE=. If fcgi-run ctl stays without an answer, signals do the same: HUP, USR1, USR2, TERM.",
        example: "ls /proc/`cat mysite.pid`/fd | wc -l",
    }
    QUEUE_UNSEEN = 405 {
        cause: "the system does not tell how long connections have waited in the listen queue",
        cure: "set the limit of the web server as well, such as fastcgi_read_timeout of nginx",
        happened: "With queuetimeout= a request is answered with 503 when it has waited for too long. Here the time in the listen \
                   queue cannot be known, so it counts only from the moment when a worker takes the connection in.",
        look: "In some containers and sandboxes the kernel's interface for it (sock_diag) is shut off.",
        act: "Nothing has to be done. Kept connections (keepalive in nginx) hardly wait in the listen queue.",
        example: "ss -xl | grep mysite.sock",
    }
    MASTER_GONE = 406 {
        cause: "the master process is gone, so its workers leave",
        cure: "start the server again, and find out who has killed the master",
        happened: "The process that watches over the workers has ended without telling them: somebody has sent it KILL, or the \
                   kernel has ended it for want of memory. The workers finish their requests and go, so nobody \
                   serves any more.",
        look: "dmesg shows whether it was the kernel; the journal, whether the service manager has killed it.",
        act: "Start the server again, best of all by a service manager that does so itself: Restart=always.",
        example: "dmesg -T | grep -i 'killed process' | tail; systemctl restart mysite",
    }
    FILE_CHANGED = 407 {
        cause: "a file could not be sent to its end, the answer was cut off",
        cure: "replace files by renaming a new one over them; never write into one that is being served",
        happened: "The length was announced to the visitor, and then the file became shorter, or could not be read any more. The \
                   connection was closed, so that the visitor sees that something is missing.",
        look: "The web server's log has the request. For a failing disk, see dmesg.",
        act: "Write files under another name, then rename them.",
        example: "cp report.pdf report.pdf.new && mv report.pdf.new report.pdf",
    }
    APPLICATION_HOOK = 408 {
        cause: "the application has failed outside of a request",
        cure: "the traceback below the line says what and where",
        happened: "A signal handler of the application, or a function that it has registered for its end (atexit, threads), has \
                   raised an exception. No visitor has seen anything of it.",
        look: "The traceback in errlog.",
        act: "Mend the application. What an exit function should have written or closed may be missing.",
        example: "grep -rn -E 'atexit|signal.signal' /srv/mysite --include=*.py",
    }
    ENVIRONMENT = 409 {
        cause: "the variables of the user cannot be set for the application",
        cure: "the traceback below the line says why; look for code that replaces os.environ",
        happened: "With user= the application finds HOME, USER and LOGNAME of that user in its environment. Setting them has \
                   raised an exception, so they are those of root, and files in ~ may be looked for in the wrong place.",
        look: "The traceback in errlog. A sitecustomize.py or a .pth file runs before this.",
        act: "Mend what replaces os.environ, or set the variables where the server is started.",
        example: "python3 -X importtime -c '' 2>&1 | tail",
    }
    ANSWER_TOO_LONG = 410 {
        cause: "the application gave more body than its Content-Length, the rest was thrown away",
        cure: "mend the length that the application, or a middleware of its own, announces",
        happened: "The visitor got as many bytes as were announced, and no more: further ones would be taken for the next answer \
                   on the same connection. The page is probably cut off.",
        look: "The line in errlog has the path. Mostly characters were counted in place of bytes, or a middleware has changed \
               the body behind the one that counts.",
        act: "Count len() of the encoded body, or leave Content-Length away.",
        example: "curl -sv http://localhost/page 2>&1 | grep -i content-length",
    }
    SOCKET_STAYS = 411 {
        cause: "the socket file cannot be removed at the end",
        cure: "remove it by hand, or leave it: the next start replaces it",
        happened: "The server has ended, and its user may not change the folder of its socket any more. Nobody listens behind \
                   the file, so web servers answer with 502, as they do without the file.",
        look: "ls -ld of the folder shows who may write to it.",
        act: "Put the socket into a folder that belongs to the server's user.",
        example: "install -d -o www-data -m 755 /run/mysite",
    }
    STATIC_NO_FOLDER = 412 {
        cause: "a folder of static= is not there",
        cure: "correct the path, or make the folder; Django fills it with collectstatic",
        happened: "The preview was told to serve files of a folder that does not exist, or that is a file. It serves everything \
                   else; addresses below that mount get 404.",
        look: "The line has the path. A relative one is looked for in the folder in which fcgi-run was started.",
        act: "Correct static=/url/=folder.",
        example: "python3 manage.py collectstatic",
    }
    PREVIEW_CUT = 413 {
        cause: "requests of the preview were cut off by the stop",
        cure: "raise stoptimeout= if such requests are meant to end",
        happened: "The server was told to stop, and some answers were not sent to their end within stoptimeout.",
        look: "Mostly it is a browser that holds a stream of events, or a long download.",
        act: "Nothing, while developing.",
        example: "fcgi-run http=127.0.0.1:8000 stoptimeout=60",
    }
    NOT_HANDED_OVER = 414 {
        cause: "a request could not be handed to the application",
        cure: "look at the machine's memory; restart the server if it does not stop",
        happened: "The interpreter could not even make the objects of a request: it is out of memory, or about to end. \
                   The request was ended without a page, which web servers answer with their own 502.",
        look: "The line ends with what the interpreter says. maxmemory= and the memory limit of the service may be too tight.",
        act: "Find out what takes the memory: fcgi-run ctl workers shows that of each worker.",
        example: "fcgi-run ctl workers; free -m",
    }
    DEAF_PEER = 415 {
        cause: "a web server asks and asks, and reads no answer; the connection was closed",
        cure: "look at who talks to the socket",
        happened: "On one connection came questions of the protocol, or requests that are refused, one after the other, and \
                   nobody took the answers. So as not to keep them all, the worker has closed the connection.",
        look: "The line in errlog names the peer.",
        act: "No web server does that; it is a broken program, or somebody who should not reach the socket.",
        example: "ss -xp | grep mysite.sock; ss -tnp | grep 3033",
    }
}
