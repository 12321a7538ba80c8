//! What `fcgi-run check` may find beside the failures of a start.

super::messages! {
    NO_WEB_ACCESS = 320 {
        cause: "the web server's user may not connect to the socket",
        cure: "give the socket a mode and a folder that let that user in, or put both users into one group",
        happened: "To connect to a Unix socket, a user needs the permission to write to it, and to enter (x) every folder on \
                   the way. The web server would answer 502 and log: permission denied.",
        look: "The finding names the user, and the folder or the socket that is closed to it. namei -l shows the whole way. \
               Checked by root, that user really tries; checked by others, the modes alone are read, without access lists \
               (getfacl).",
        act: "The usual way is a folder of the site's own that belongs to the site's user and the web server's group, with the \
              mode 0750, and socketmode=0660 or 0666 for the socket in it. Home folders are mostly closed to others.",
        example: "install -d -o mysite -g www-data -m 2750 /run/mysite",
    }
    PRIVATE_TMP = 321 {
        cause: "the web server's service has a /tmp of its own, it will not find the socket",
        cure: "put the socket below /run, as in socket=/run/mysite/mysite.sock",
        happened: "The unit of the web server says PrivateTmp: under systemd it does not see the /tmp that everybody else \
                   sees. It would answer 502 and log that there is no such file.",
        look: "systemctl show -p PrivateTmp nginx, or apache2, or httpd.",
        act: "Use a folder below /run, and name the new path in the web server's configuration.",
        example: "install -d -o mysite -g www-data -m 0750 /run/mysite",
    }
    OPEN_FILES = 322 {
        cause: "the limit on open files is low",
        cure: "raise it: LimitNOFILE=65536 in systemd, nofile in /etc/security/limits.conf",
        happened: "Each connection takes a descriptor, and the application needs some for its own. A worker takes fewer \
                   connections than was asked for, and others wait.",
        look: "The finding has the numbers; ulimit -Hn shows what may be reached without privileges.",
        act: "Raise the hard limit for the user or the service.",
        example: "systemctl edit mysite    # [Service] LimitNOFILE=65536",
    }
    PROCESS_LIMIT = 323 {
        cause: "the limit on processes is lower than what may be started",
        cure: "raise it (LimitNPROC= or TasksMax=), or lower maxchildren=",
        happened: "The user may have fewer processes and threads than maxchildren and threads add up to. Under load, workers \
                   could not be started.",
        look: "ulimit -u, and for a service systemctl show -p TasksMax.",
        act: "Raise the limit or lower the options.",
        example: "systemctl show -p TasksMax mysite",
    }
    MEMORY = 324 {
        cause: "the workers may need more memory than there is",
        cure: "lower maxchildren=, use preload=true to share memory, or threads= in place of processes",
        happened: "A worker was started for the check and its memory counted. If all that are allowed ran at once, the machine \
                   or its container would be short, and the kernel would kill processes.",
        look: "The finding has the numbers. Workers grow with what they serve: leave room.",
        act: "Take away the memory of the database and everything else, divide what is left by that of a worker, and set \
              maxchildren to it.",
        example: "free -m",
    }
    DJANGO_DEBUG = 325 {
        cause: "DEBUG is on in Django's settings",
        cure: "set DEBUG = False where visitors come",
        happened: "With DEBUG, visitors see settings, code and queries on error pages, and each process remembers every query \
                   until its memory is gone.",
        look: "The settings module that is really used: the finding names it.",
        act: "Turn it off for the site, and set ALLOWED_HOSTS.",
        example: "python3 manage.py check --deploy",
    }
    DJANGO_HOSTS = 326 {
        cause: "ALLOWED_HOSTS is empty in Django's settings",
        cure: "name the site's hosts: ALLOWED_HOSTS = [\"www.example.org\"]",
        happened: "With DEBUG off and no allowed hosts, Django answers every request with 400.",
        look: "The settings module that is really used: the finding names it.",
        act: "List the names under which the site is called.",
        example: "python3 manage.py check --deploy",
    }
    DJANGO_STATIC = 327 {
        cause: "nobody serves Django's static files",
        cure: "set STATIC_ROOT, run collectstatic, and let the web server serve that folder at STATIC_URL",
        happened: "Only Django's development server serves static files by itself. Pages would come without their styles.",
        look: "The finding has STATIC_URL and STATIC_ROOT.",
        act: "Collect the files into one folder, and give the web server a location for it; the recipes have one.",
        example: "python3 manage.py collectstatic",
    }
    DOUBTFUL_OPTION = 328 {
        cause: "an option that is probably not meant so",
        cure: "read the finding, and correct the option or its variable",
        happened: "Something in the options, the file or the environment is allowed and odd, such as an unknown variable that \
                   begins with FCGI_RUN_.",
        look: "The finding names it; a start prints the same as a warning.",
        act: "Correct the spelling, or take it away.",
        example: "env | grep FCGI_RUN_",
    }
    NO_ERRLOG = 329 {
        cause: "messages of a server in the background would go nowhere",
        cure: "name a file for them with errlog=PATH",
        happened: "In the background there is no terminal. Without errlog= tracebacks are only seen where the web server \
                   writes them, and the messages of the server itself nowhere.",
        look: "A start prints the same as a warning.",
        act: "Name a file that the site's user may write to, or let a service manager keep it in the foreground.",
        example: "fcgi-run socket=/run/mysite.sock errlog=/var/log/mysite/error.log",
    }
    IMPORT_SLOW = 330 {
        cause: "the application was not imported within a minute",
        cure: "find out what it waits for: a database, the network, a lock",
        happened: "The check has given up waiting, and ended the process in which it imported the application.",
        look: "py-spy dump --pid, or Ctrl-C while importing the module by hand, shows where it waits.",
        act: "Modules should not wait for anything when they are imported; connect at the first request.",
        example: "python3 -X importtime -c 'import mysite.wsgi'",
    }
    MANY_WORKERS = 331 {
        cause: "far more workers are started than there are cores",
        cure: "lower maxspare=; a few per core are enough, threads= wait more cheaply",
        happened: "The machine has few cores for so many processes that are ready from the start. They take memory and bring \
                   nothing.",
        look: "nproc shows the cores.",
        act: "Start with two to four workers a core, and let maxchildren bound the rest.",
        example: "nproc",
    }
    USER_MAY_NOT_READ = 332 {
        cause: "the user of the workers may not read what they need",
        cure: "open the folder that is named to that user, or to its group",
        happened: "Started by root with user=, the server runs the application as that user. A folder on the way to the \
                   application, to its virtual environment or to workdir is closed to it: Python does not find the module \
                   then, or says that the permission is denied. Root, who may read everything, does not notice.",
        look: "The finding names the folder or file, and its mode. It was tried by a process that was this user. namei -l shows \
               the whole way; home folders and root's own are mostly closed to others.",
        act: "The command below the finding opens the place; secrets that lie in it are then open to those as well. Better than \
              to open a home folder is a folder below /srv or /opt that belongs to the site's user. A virtual environment needs its Python as well: one that was made with a \
              Python below /root is of no use to anybody else.",
        example: "sudo -u www-data ls /srv/mysite; namei -l /srv/mysite/app.py",
    }
    USER_MAY_NOT_WRITE = 333 {
        cause: "the user of the workers may not write where they have to",
        cure: "give the folder to that user, or name another one with TMPDIR",
        happened: "Request bodies that are too large for the memory wait in an unlinked file in the folder for temporary files. \
                   The user of the workers cannot make one there, so that large uploads would get 503. Logs and the pidfile are \
                   not meant: they are root's.",
        look: "The finding names the folder and its mode; it was tried by a process that was this user.",
        act: "Give /tmp its usual mode, 1777, or let TMPDIR name a folder of the site's user in the environment of the start.",
        example: "sudo chmod 1777 /tmp",
    }
}
