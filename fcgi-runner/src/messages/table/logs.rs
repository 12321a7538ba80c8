//! Logs: their form, and the services that take them.

super::messages! {
    LOG_FORMAT = 560 {
        cause: "a directive that the access log does not know",
        cure: "write common, combined, json, or text with the directives that the message lists",
        happened: "accessformat= is read when the server starts, so that a spelling error does not fill the log with nonsense. \
                   Directives are those of Apache's LogFormat, as far as a FastCGI server can know what they stand for.",
        look: "The message shows the directive. In a shell, quotes belong around the whole word: percent signs and double \
               quotes mean something there.",
        act: "Correct the directive. A percent sign itself is written twice.",
        example: "fcgi-run socket=/tmp/s.sock accesslog=a.log 'accessformat=%h %t %U %s %D'",
    }
    LOG_SERVICE = 561 {
        cause: "the log service is not there",
        cure: "start it, name its socket as in errlog=syslog:/dev/log, or log to a file",
        happened: "A log is to go to syslog or to the journal, and nothing takes messages at the socket where that listens. In \
                   containers there is often no such service.",
        look: "The message names the socket and what the system says; ls -l shows whether it is there.",
        act: "Start the service (rsyslog, systemd-journald), or name a file. Under systemd, leaving errlog= out has what the \
              server writes in the journal as well.",
        example: "fcgi-run socket=/tmp/mysite.sock errlog=/var/log/mysite/errors.log",
    }
    NOBODY_CAPTURES = 562 {
        cause: "what the application prints cannot be captured here",
        cure: "leave capture= out, or serve with method=prefork",
        happened: "The lines that workers print are read by the master. A server that the web server has started for one thread \
                   has none: what is printed goes to standard error, which is the web server's log.",
        look: "The error log of the web server.",
        act: "Nothing has to be done if you find the lines there.",
        example: "fcgi-run explain FR562",
    }
}
