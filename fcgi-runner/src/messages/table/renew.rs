//! Replacing workers, code and the server itself.

super::messages! {
    PROBE_FAILED = 420 {
        cause: "the probe request was not answered well",
        cure: "the status, and the traceback if there is one, say what is wrong; the page of probe= has to give 2xx or 3xx",
        happened: "Before a new worker serves visitors, it asks the application for the page of probe=. The application was \
                   imported, and then answered with an error, or not to the end. A start fails then; at a reload the old \
                   workers go on.",
        look: "The message has the status, and under it what the application has said. Django answers 400 where the host is \
               not in ALLOWED_HOSTS: then name it, as in probe=example.org/health/.",
        act: "Mend the application, or name a page that needs no login and no form.",
        example: "fcgi-run app=mysite.wsgi probe=example.org/health/ socket=/tmp/mysite.sock",
    }
    NOT_READY_IN_TIME = 421 {
        cause: "a worker has not come to serve within starttimeout",
        cure: "find out what the import waits for, or give it more time with starttimeout=",
        happened: "A new worker imports the application, and answers the page of probe=, within starttimeout seconds. This one \
                   did not, and was killed. Usually it waits for a database or another service that does not answer.",
        look: "The message says whether it was the import or the probe request.",
        act: "Give connections that are opened at import a time limit of their own. 0 is no limit at all.",
        example: "fcgi-run starttimeout=180 socket=/tmp/mysite.sock",
    }
    UPGRADE_GIVEN_UP = 422 {
        cause: "an upgrade was given up, the server that is there goes on serving",
        cure: "mend what the reason says, and ask for the upgrade once more",
        happened: "A new server was to take the place of this one, with its sockets. It could not be started, or did not come to \
                   serve. Visitors have noticed nothing.",
        look: "The line of the log has the reason; what the new server has said stands above it.",
        act: "Try the command by hand with fcgi-run check, as the same user. Where a web server, the preview or a container \
              has started fcgi-run, it is replaced by starting it anew.",
        example: "fcgi-run check && kill -USR2 `cat mysite.pid`",
    }
    RENEWAL_GIVEN_UP = 423 {
        cause: "the program has changed, and could not serve as it is now; the old one goes on serving",
        cure: "mend what stands above in the log, and save the script once more",
        happened: "A web server has started this process, and its script has changed, or a file of touchreload=. Before the process \
                   executes its program anew, it tries it in another process: that imports the application, and answers the page \
                   of probe=, if there is one. It could not. Visitors have noticed nothing.",
        look: "The traceback is in the error log of the web server, or in errlog.",
        act: "Start the script by hand, as the user of the site: it then says what is wrong.",
        example: "python3 mysite.fcgi </dev/null",
    }
    RENEWED_BY_FORCE = 424 {
        cause: "requests were ended because a process that starts anew has waited for them for stoptimeout",
        cure: "find out what those requests wait for, or give them more time with stoptimeout=",
        happened: "The program of a process that a web server has started is executed anew, because its script has changed or because it \
                   has served enough. It waits for the requests that run, and takes no others meanwhile, which wait in \
                   the socket. After stoptimeout seconds it waits no longer.",
        look: "The access log has them with the status that the visitor saw, or not at all.",
        act: "A request that takes longer than a minute is better done by a job in the background.",
        example: "fcgi-run stoptimeout=120 requesttimeout=60",
    }
}
