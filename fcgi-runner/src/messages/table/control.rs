//! `fcgi-run ctl`, and the socket over which it speaks to a server.

super::messages! {
    NO_SERVER = 500 {
        cause: "no server that could be asked was found",
        cure: "give the words of the server, such as pidfile= or socket= or config=, or start it",
        happened: "Nobody answers at the control socket that follows from what was typed, and no other server of this user was \
                   found on this machine.",
        look: "A control socket is a file beside the pidfile or beside the socket, with .ctl at its end. One that is there \
               without a server was left by a server that was killed.",
        act: "Type the same pidfile=, socket= or config= as the server has, as the same user or as root. A server that was \
              started with a TCP address and without pidfile= has no control socket unless controlsocket= names one.",
        example: "fcgi-run ctl status pidfile=/run/mysite.pid",
    }
    SEVERAL_SERVERS = 501 {
        cause: "there are several servers, and it was not said which is meant",
        cure: "add the pidfile= or the socket= of the one that is meant",
        happened: "Without words that name a server, the only one of this user is taken, or the only one that was started in \
                   the current folder. There are more.",
        look: "The message lists them with their pids, folders and addresses.",
        act: "Type one word that tells them apart, or go to the folder in which the server was started.",
        example: "fcgi-run ctl status socket=/run/mysite.sock",
    }
    MAY_NOT_CONTROL = 502 {
        cause: "this user may not control the server",
        cure: "ask as root, or as the user who runs the server",
        happened: "The control socket is open to root, to the user with whose rights the master runs, and to the one who has \
                   started it, and to nobody else.",
        look: "ls -l shows whose the control socket is; the server's log tells of connections by others.",
        act: "Use sudo, or become the server's user.",
        example: "sudo -u www-data fcgi-run ctl status pidfile=/run/mysite.pid",
    }
    NO_CONTROL_SOCKET = 503 {
        cause: "the server has no control socket, so that ctl cannot be used",
        cure: "name a place with controlsocket=, or say controlsocket=off if none is wanted",
        happened: "The socket beside the pidfile or beside the main socket could not be made. The server serves all the same.",
        look: "The message ends with what the system says.",
        act: "Choose a folder that the server's user may write to, or remove what is in the way.",
        example: "fcgi-run controlsocket=/run/mysite/ctl socket=/run/mysite/sock",
    }
    CONTROL_USAGE = 504 {
        cause: "ctl was asked for something that it does not know",
        cure: "see fcgi-run ctl help",
        happened: "The word is none of its commands, or the command wants another argument, such as a pid or a number.",
        look: "fcgi-run ctl help shows all commands.",
        act: "Type the command first, then its argument, then the words that name the server.",
        example: "fcgi-run ctl recycle 4711 pidfile=/run/mysite.pid",
    }
    CONTROL_SILENT = 505 {
        cause: "the server did not answer, or broke off",
        cure: "look at the server's log, and whether the machine is short of memory or time",
        happened: "Something listens at the control socket, but has not given an answer that can be understood in time, or has \
                   ended before it.",
        look: "ps shows whether the master is stopped (T) or waits for a disk (D).",
        act: "Ask again. A master that stays silent can be ended with kill; its workers end with it.",
        example: "ps -o pid,stat,etime,args -C fcgi-run",
    }
    CONTROL_REFUSED = 506 {
        cause: "the server was asked, and could not or would not do it",
        cure: "the message says why; fcgi-run ctl workers shows the workers, errlog= what the application said",
        happened: "The command has reached the server. It cannot be obeyed now, or has failed, and the server goes on as before.",
        look: "The line says why. After a reload that failed, the traceback shows what the new code has done.",
        act: "Mend what it says, and ask again.",
        example: "fcgi-run ctl reload",
    }
    SERVER_ELSEWHERE = 507 {
        cause: "the only server that runs was not started in this folder, and was not named",
        cure: "add its pidfile= or its socket=, or go to its folder",
        happened: "Without words that name a server, ctl shows the only one of this user wherever it was started. It changes and \
                   stops only one that was started in the current folder: a command that is typed twice is not to stop the \
                   server of somebody else.",
        look: "The message has its pid, folder and addresses.",
        act: "If that one is meant, type one of the words that it was started with.",
        example: "fcgi-run ctl stop pidfile=/run/mysite.pid",
    }
}
