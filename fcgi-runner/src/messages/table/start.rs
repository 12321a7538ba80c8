//! Addresses, pidfile, logs, the system: exit status 4, or 1.

super::messages! {
    ADDRESS_IN_USE = 40 {
        cause: "another server is listening on this address",
        cure: "stop the other server first, or choose another address",
        happened: "A connection to the address was answered, or the port is taken. A living server is never pushed aside. \
                   fcgi-run had waited three seconds for one that was just ending.",
        look: "ss shows who listens: ss -lxp for Unix sockets, ss -ltnp for TCP.",
        act: "If it is an old fcgi-run of this site, stop it by its pidfile, or reload it with the signal HUP in place of \
              starting a second one. If it is something else, choose another address, here and in the web server.",
        example: "ss -lxp | grep mysite.sock",
    }
    NOT_A_SOCKET = 41 {
        cause: "something that is no socket stands at the path of the socket",
        cure: "choose another path for socket=, or remove the file yourself",
        happened: "The path exists and is a file or a folder. A socket that a dead server has left is replaced, anything \
                   else is never deleted.",
        look: "ls -l shows what it is.",
        act: "Make sure that nobody needs the file, and remove it; or correct socket=.",
        example: "ls -ld /tmp/mysite.sock",
    }
    HOST_UNKNOWN = 42 {
        cause: "the name of the host cannot be resolved",
        cure: "give an address such as 127.0.0.1 or ::1",
        happened: "host= is a name, and neither /etc/hosts nor the name server knows it. At boot the network may not be up.",
        look: "getent asks the same places.",
        act: "Write the address in numbers. It depends on nothing.",
        example: "getent ahosts localhost",
    }
    NOT_LISTENING = 43 {
        cause: "the descriptor is no listening socket",
        cure: "let the process that starts fcgi-run bind a stream socket and listen on it",
        happened: "fd= or a service manager names a descriptor that is closed, is not a socket, or does not listen.",
        look: "In systemd the .socket unit has to say ListenStream=; supervisor needs [fcgi-program:...].",
        act: "Correct the unit, or leave out fd= and give socket= or host= and port=.",
        example: "systemd-socket-activate -l /tmp/mysite.sock fcgi-run app=mysite.wsgi",
    }
    LISTEN_DENIED = 44 {
        cause: "this user may not listen there",
        cure: "choose a place that this user may write to, or a port above 1023",
        happened: "The system has refused the address: the folder of the socket may not be written to, or the port is one of \
                   the first 1024, which belong to root.",
        look: "The message names the address. namei -l shows who may do what on the way to a folder.",
        act: "Use a folder of the site's own, such as /run/mysite, that belongs to the user that runs it.",
        example: "install -d -o mysite -g www-data -m 0750 /run/mysite",
    }
    LISTEN_NO_FOLDER = 45 {
        cause: "the folder of the socket is not there",
        cure: "make the folder first",
        happened: "A socket is made, its folder is not. Folders below /run are gone after each boot.",
        look: "The message names the path.",
        act: "Make the folder; in a systemd unit RuntimeDirectory=mysite makes it at every start.",
        example: "install -d -o mysite -g www-data -m 0750 /run/mysite",
    }
    LISTEN_NOT_HERE = 46 {
        cause: "the address does not belong to this machine",
        cure: "give an address of this machine, usually 127.0.0.1",
        happened: "host= is an address that no interface of this machine has, or does not have yet.",
        look: "ip address shows those that there are. In containers they differ from those of the host.",
        act: "Use 127.0.0.1 if the web server runs on the same machine.",
        example: "ip -brief address",
    }
    LISTEN_SYSTEM = 47 {
        cause: "the system refuses the address",
        cure: "see what the system says in the message",
        happened: "Making the socket has failed for a reason that is none of the usual ones, such as a file system that \
                   cannot hold sockets or a full table of descriptors.",
        look: "The message ends with what the system says.",
        act: "Try another folder, such as /tmp, or TCP, to find out whether it is the place.",
        example: "fcgi-run socket=/tmp/mysite.sock daemonize=false",
    }
    PRIVATE_FOLDER = 48 {
        cause: "there is no folder for temporary files",
        cure: "set TMPDIR to a folder that this user may write to",
        happened: "The preview talks to the application by a socket in a private folder below TMPDIR or /tmp, which could \
                   not be made.",
        look: "The message ends with what the system says; df shows whether the disk is full.",
        act: "Make room, or name another folder.",
        example: "TMPDIR=/var/tmp fcgi-run http=127.0.0.1:8000",
    }
    PIDFILE_ALIVE = 49 {
        cause: "the pidfile belongs to a server that is running",
        cure: "stop that server first, or give this one another pidfile",
        happened: "The file is locked by a living server. A file that a dead server has left would be no obstacle.",
        look: "The message has the process id; ps -fp shows what it is.",
        act: "Stop it, or reload it with the signal HUP in place of starting a second one.",
        example: "kill `cat mysite.pid`",
    }
    PIDFILE_SYSTEM = 50 {
        cause: "the pidfile cannot be written",
        cure: "choose a folder that exists and that this user may write to",
        happened: "The system refuses to make or to lock the file of pidfile=.",
        look: "The message ends with what the system says.",
        act: "Make the folder and let the user write there, or choose another place.",
        example: "install -d -o mysite /run/mysite",
    }
    LOG_FILE = 51 {
        cause: "a log file cannot be opened",
        cure: "choose a file in a folder that exists and that this user may write to",
        happened: "outlog=, errlog= or accesslog= names a file that could not be opened for writing. It is tried before the \
                   server goes to the background, so that you are told.",
        look: "The message names the file and what the system says.",
        act: "Make the folder and let the user write there. If log rotation has made a new file, it has to belong to that \
              user: see create in logrotate.conf.",
        example: "install -d -o mysite -g adm -m 0750 /var/log/mysite",
    }
    BACKGROUND = 52 {
        cause: "the server cannot go to the background",
        cure: "see what the system says; daemonize=false stays in the foreground",
        happened: "A process could not be forked, or a descriptor not be had. Nothing serves.",
        look: "The message ends with what the system says. ulimit -u is how many processes this user may have.",
        act: "Raise the limit, or let a service manager run it in the foreground.",
        example: "fcgi-run daemonize=false socket=/tmp/mysite.sock",
    }
    ENDED_EARLY = 53 {
        cause: "the server ended before it could serve",
        cure: "see errlog=, or start it in the foreground: daemonize=false",
        happened: "The process in the background was ended, by a signal or by the system, before the first worker had \
                   imported the application. It could not say why itself.",
        look: "The file of errlog=; the kernel's log if memory was short: dmesg | grep -i kill.",
        act: "Start it in the foreground, where everything it says is to be seen.",
        example: "fcgi-run daemonize=false socket=/tmp/mysite.sock",
    }
    SYSTEM_REFUSES = 54 {
        cause: "the system refuses what the server needs",
        cure: "see what the system says; usually a limit on processes, descriptors or memory",
        happened: "A call to the kernel has failed that does not fail on a healthy machine.",
        look: "The message ends with what the system says. ulimit -a shows the limits of this shell.",
        act: "Raise the limit that is named: LimitNOFILE= and TasksMax= in systemd, /etc/security/limits.conf elsewhere.",
        example: "ulimit -a; free -m",
    }
    LOG_REOPEN = 55 {
        cause: "a log file cannot be opened anew",
        cure: "let the user of the server write to the log's folder; it writes to the old file until then",
        happened: "At SIGUSR1 the logs are opened again, after logrotate has moved them. One of them could not be.",
        look: "The line of the log names the file and what the system says.",
        act: "Correct owner and mode, then send USR1 once more. Nothing was lost: the old file is still written to.",
        example: "kill -USR1 `cat mysite.pid`",
    }
    NOT_A_PIDFILE = 56 {
        cause: "something that is no pidfile stands at the path of the pidfile",
        cure: "choose another path for pidfile=, or remove the file yourself",
        happened: "The file is there and does not begin with a number, or it is no plain file. fcgi-run would have written its \
                   process id over what is in it.",
        look: "head shows what is in it, ls -l whether it is a symbolic link.",
        act: "Correct pidfile=. If nobody needs the file, remove it. In a folder to which others may write, such as /tmp, find \
              out who has put it there.",
        example: "head -c 64 mysite.pid; ls -l mysite.pid",
    }
}
