//! Users, rights, and who may connect.

super::messages! {
    UNKNOWN_USER = 520 {
        cause: "there is no user of this name",
        cure: "write the name of a user of this machine, or its number",
        happened: "user= or socketowner= names a user that the system does not know. A number is taken as it is.",
        look: "getent shows all users that the system knows.",
        act: "Correct the name, or make the user. A user of its own for each site is best.",
        example: "useradd --system --shell /usr/sbin/nologin mysite",
    }
    UNKNOWN_GROUP = 521 {
        cause: "there is no group of this name",
        cure: "write the name of a group of this machine, or its number",
        happened: "group=, groups= or socketgroup= names a group that the system does not know. A number is taken as it is.",
        look: "getent shows all groups that the system knows.",
        act: "Correct the name. The group of the web server is www-data on Debian, nginx or apache on others.",
        example: "getent group www-data",
    }
    GROUP_NEEDED = 522 {
        cause: "the system does not know the user, and so not its group",
        cure: "say group= as well, a number will do",
        happened: "user= is a number without an entry in the list of users, as often in containers, so it has no group by \
                   itself. The group of root is not kept for want of another.",
        look: "getent passwd shows what the system knows.",
        act: "Write the group as a number too.",
        example: "fcgi-run user=1000 group=1000 socket=/run/mysite/mysite.sock",
    }
    NEEDS_ROOT = 523 {
        cause: "only root may do this",
        cure: "start it as root, or leave the option out",
        happened: "Another user, other groups, a new root of files, or a socket that belongs to somebody else were asked for, \
                   and fcgi-run was not started by root.",
        look: "id shows who you are.",
        act: "Start it as root, as systemd does by itself; or start it as the user that is meant, without the option.",
        example: "sudo fcgi-run user=mysite socket=/run/mysite/mysite.sock",
    }
    LIMIT_TOO_HIGH = 524 {
        cause: "a limit is higher than this user may have",
        cure: "raise the limit of the user or of the service, or ask for less",
        happened: "openfiles=, coresize= or memorylimit= is above the hard limit with which fcgi-run was started.",
        look: "ulimit -H -a shows the hard limits of a shell, /proc/PID/limits those of a process.",
        act: "Raise it where the service is started: LimitNOFILE= and others in a systemd unit, limits.conf for logins.",
        example: "systemctl edit mysite.service",
    }
    NEW_ROOT = 525 {
        cause: "the folder that was to be the new root cannot be used",
        cure: "check chroot=, and workdir=, which is a folder inside",
        happened: "The folder is not there, or it has no folder workdir= inside.",
        look: "The message names the folder.",
        act: "Make the folders. Python's library, the virtual environment and the application have to be inside, at the same \
              paths as outside.",
        example: "ls -ld /srv/jail /srv/jail/usr/lib/python3",
    }
    RIGHTS = 526 {
        cause: "the system does not let the process become what it should",
        cure: "in a container give it SETUID, SETGID, SYS_CHROOT and SYS_RESOURCE, or start as that user",
        happened: "A worker was to change its user, groups, root of files or limits, and was refused although it runs as root. \
                   Nothing of the application was run.",
        look: "Containers take such rights away, and so does a systemd unit with CapabilityBoundingSet= or \
               RestrictSUIDSGID=.",
        act: "Give the rights back, or let whoever starts fcgi-run choose the user: User= in a systemd unit, USER in a \
              container.",
        example: "docker run --user 1000:1000 mysite",
    }
    RUNS_AS_ROOT = 527 {
        cause: "the application runs as root",
        cure: "add user= with a user of its own",
        happened: "fcgi-run was started by root, and no other user was named for the application. Whoever finds a hole in it \
                   owns the machine.",
        look: "ps shows as whom the workers run.",
        act: "Name a user. The master stays root for the socket, the pidfile and the logs; all that runs Python gives its \
              rights up for good.",
        example: "fcgi-run user=www-data socket=/run/mysite/mysite.sock",
    }
    NOT_ONE_OF_OURS = 528 {
        cause: "a worker has said to the master what no worker says",
        cure: "look for a break-in: the worker was killed, and what it runs may have been taken over",
        happened: "Workers tell the master a few short things. One has sent something else, far too much, or the name of a \
                   process that is none of the server's. It was killed and is replaced.",
        look: "The access log of that minute shows what it served.",
        act: "An application that writes to descriptors by number may be at fault. If there is none, treat the machine's user \
              as taken over.",
        example: "tail -n 1000 /srv/mysite/access.log",
    }
    PIDFILE_STAYS = 529 {
        cause: "a file cannot be removed at the end",
        cure: "let the folder of the pidfile belong to the user",
        happened: "A single process that a web server has started gives up its rights itself, and may not remove its pidfile \
                   then. It is emptied.",
        look: "ls -ld shows whose the folder is.",
        act: "Use a folder of the user, or leave out pidfile=.",
        example: "install -d -o mysite -m 0755 /run/mysite",
    }
    OPEN_TO_ALL = 530 {
        cause: "the address can be reached by everybody, and nobody was said to be allowed",
        cure: "add allowedclients= with the addresses of the web servers, or allowedclients=any",
        happened: "host= is 0.0.0.0 or ::, all addresses of this machine. FastCGI knows no password: whoever reaches the port \
                   can have any request run, as any visitor, past everything that the web server checks.",
        look: "ip address shows what the machine has; the web server's address is in its own configuration.",
        act: "Listen on 127.0.0.1, or on a Unix socket, if the web server is on the same machine. If it is not, as in \
              containers, name it, or its network. Where a firewall takes care of it, say any. Programs with a server of \
              their own, such as that of flup, take FCGI_WEB_SERVER_ADDRS or FCGI_RUN_ALLOWEDCLIENTS from the environment.",
        example: "fcgi-run host=0.0.0.0 port=3033 allowedclients=172.16.0.0/12",
    }
    CLIENTS_OF_OTHER_KIND = 531 {
        cause: "the list of those who may connect lets nobody in",
        cure: "write addresses for TCP, user:NAME or group:NAME for a Unix socket",
        happened: "allowedclients= names addresses for a Unix socket, or users for TCP, or does not name the preview's own \
                   address.",
        look: "The message says which of them.",
        act: "Name those who can come. A list for both kinds is fine.",
        example: "fcgi-run socket=/run/mysite/mysite.sock allowedclients=user:www-data",
    }
    CLIENT_REFUSED = 532 {
        cause: "somebody who is not allowed to has connected",
        cure: "add the peer to allowedclients= if it is a web server of yours",
        happened: "A connection was closed at once, for its address or its user is not in allowedclients=, or not in \
                   FCGI_WEB_SERVER_ADDRS. There is one line a minute for each peer, with the number of connections since the \
                   last.",
        look: "The line names the peer. Web servers answer 502 then.",
        act: "If it is your web server, add it, with all of its addresses. If it is not, somebody looks for open doors.",
        example: "fcgi-run host=10.0.0.2 port=3033 allowedclients=10.0.0.1,fd00::1",
    }
    WEB_SERVER_ADDRS = 533 {
        cause: "the variable about addresses of web servers is no list of them",
        cure: "write addresses with commas between them, or unset it",
        happened: "The FastCGI specification gives this variable a list of web servers that may connect. What stands there \
                   cannot be read, and so nobody knows who may.",
        look: "Whoever starts fcgi-run has set it: a web server, a unit, a shell.",
        act: "Correct it, or name the addresses in allowedclients=, which comes first.",
        example: "env FCGI_WEB_SERVER_ADDRS=10.0.0.1,10.0.0.2 fcgi-run host=10.0.0.3 port=3033",
    }
}
