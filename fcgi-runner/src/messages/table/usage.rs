//! Options and configuration: nothing was started, the exit status is 2.

super::messages! {
    UNKNOWN_OPTION = 1 {
        cause: "an option that fcgi-run does not know",
        cure: "the message names the nearest one; fcgi-run help shows all options",
        happened: "A word, a flag or a key of the configuration file names an option that does not exist. Nothing was started.",
        look: "The message shows the word as it was typed, and the file and line where it stands in one.",
        act: "Correct the spelling. Letter case, dashes and underscores do not matter. Options of other servers often have \
              another name here; the help is sorted by what they are about.",
        example: "fcgi-run help | less",
    }
    UNKNOWN_WORD = 2 {
        cause: "a word that is neither an option nor an application",
        cure: "write options as key=value, and the application as module:callable",
        happened: "A word without an equals sign is taken for an application if it looks like one: module:callable, \
                   package.module, a file that ends in .py, or a module that is there. This one does not.",
        look: "The message shows the word.",
        act: "If it is a path, say what for: socket=/run/mysite.sock, config=/etc/mysite.toml. If it is the application, \
              name module and callable.",
        example: "fcgi-run socket=/tmp/mysite.sock mysite.wsgi:application",
    }
    MISSING_VALUE = 3 {
        cause: "an option without its value",
        cure: "write it as key=value",
        happened: "The option needs a value and has none, or only an equals sign.",
        look: "The message names the option; the help shows what kind of value it takes.",
        act: "Give the value. If a variable of the shell stands there, as in socket=$SOCKET, it may be empty.",
        example: "fcgi-run help | grep -A2 socket",
    }
    BAD_VALUE = 4 {
        cause: "a value that the option does not take",
        cure: "the message says what is expected",
        happened: "The value is not of the kind that the option takes: a number out of its range, a word that is none of \
                   the choices, a time or a size that cannot be read.",
        look: "The message shows the value and what is expected in its place.",
        act: "Correct the value. Sizes may end in k, m or g, times are seconds, modes are octal.",
        example: "fcgi-run maxbody=20m stoptimeout=30 umask=027 socket=/tmp/mysite.sock",
    }
    PROTOCOL = 5 {
        cause: "a protocol that is not spoken here",
        cure: "leave it out, and let the web server speak FastCGI",
        happened: "The old runfcgi could also speak SCGI and AJP. fcgi-run speaks FastCGI only.",
        look: "The word protocol= on the command line, in the environment (FCGI_RUN_PROTOCOL) or in the file.",
        act: "Leave protocol= out and have the web server use FastCGI: fastcgi_pass in nginx, mod_proxy_fcgi in Apache.",
        example: "fcgi-run method=threaded host=127.0.0.1 port=3033",
    }
    TWO_ADDRESSES = 6 {
        cause: "two ways of saying where to listen",
        cure: "say it in one way: socket=PATH, host=NAME port=N or fd=N",
        happened: "A Unix socket and a TCP address, or one of them and a descriptor, were given together. It is not clear \
                   which one the web server is going to use.",
        look: "One of them may stand in the configuration file or in a variable that begins with FCGI_RUN_.",
        act: "Keep the one that the web server's configuration names.",
        example: "env | grep FCGI_RUN_",
    }
    HALF_ADDRESS = 7 {
        cause: "a host without a port, or a port without a host",
        cure: "write both, as in host=127.0.0.1 port=3033",
        happened: "A TCP address has two parts, and one of them is missing.",
        look: "The message says which one was given.",
        act: "Give both. 127.0.0.1 is right if the web server runs on this machine.",
        example: "fcgi-run host=127.0.0.1 port=3033",
    }
    SOCKET_PATH = 8 {
        cause: "the path of the socket is too long for the system",
        cure: "choose a shorter path, as in socket=/run/mysite.sock",
        happened: "The address of a Unix socket has room for 107 bytes, and the absolute path is longer.",
        look: "The message shows the path and its length; a relative path was made absolute first.",
        act: "Choose a short path, usually below /run or /tmp, and name the same one in the web server's configuration.",
        example: "fcgi-run socket=/run/mysite.sock",
    }
    CONFIG_READ = 9 {
        cause: "the configuration file cannot be read",
        cure: "check the path and who may read it; relative paths are taken from the current directory",
        happened: "The file that config= or FCGI_RUN_CONFIG names is not there, or this user may not read it.",
        look: "The message ends with what the system says.",
        act: "Give the absolute path, and let the user that starts fcgi-run read the file.",
        example: "namei -l /etc/fcgi-run/mysite.toml",
    }
    CONFIG_SYNTAX = 10 {
        cause: "the configuration file is not TOML",
        cure: "the message names the line; texts stand in quotes, as in host = \"127.0.0.1\"",
        happened: "The file could not be understood. The most frequent reason is a text without its quotes.",
        look: "The message names the file and the line.",
        act: "Correct that line, and try it without starting anything.",
        example: "fcgi-run check config=mysite.toml",
    }
    CONFIG_TWICE = 11 {
        cause: "a key stands twice in the configuration file",
        cure: "keep one of the two; letter case, dashes and underscores do not matter",
        happened: "Two keys of the file are the same option in two spellings, such as maxspare and max-spare.",
        look: "The message names the option and the line of the second one.",
        act: "Delete the one that is not meant.",
        example: "grep -n -i spare mysite.toml",
    }
    CONFIG_TYPE = 12 {
        cause: "a value in the configuration file is of the wrong type",
        cure: "write a text, a number, true or false; lists only where an option may be given several times",
        happened: "A table, a date or a list stands where the option takes a single value.",
        look: "The message names the option and the line.",
        act: "Write the value as one would type it on the command line, texts in quotes.",
        example: "fcgi-run check config=mysite.toml",
    }
    CONFIG_NESTED = 13 {
        cause: "a configuration file names another one",
        cure: "put everything into one file, and name it on the command line",
        happened: "config is the one option that cannot stand in a file: files are not put together.",
        look: "The message names the line.",
        act: "Delete that line, and move what the other file holds to this one.",
        example: "fcgi-run config=/etc/fcgi-run/mysite.toml",
    }
    START_DIRECTORY = 14 {
        cause: "the current directory is gone",
        cure: "change to a directory that is there",
        happened: "fcgi-run takes relative paths from the directory where it is started, and that one was deleted or may not \
                   be entered. This happens when a release is replaced under an open terminal.",
        look: "pwd shows where the shell believes to be.",
        act: "Change to the project's folder, by its full name, and start again.",
        example: "cd /srv/mysite && fcgi-run socket=/run/mysite.sock",
    }
    COMMAND_LINE = 15 {
        cause: "the command line cannot be understood",
        cure: "fcgi-run help shows all options",
        happened: "The words make no sense together. Nothing was started.",
        look: "The message says what is wrong.",
        act: "Compare with the examples at the top of the help.",
        example: "fcgi-run help | head -20",
    }
    NO_ADDRESS = 16 {
        cause: "nobody has said where to listen",
        cure: "give socket=PATH, or host=127.0.0.1 port=3033, or http=127.0.0.1:8000 to try it in a browser",
        happened: "fcgi-run needs a place where the web server finds it. Without an address it uses descriptor 0 if a web \
                   server has put a socket there, or the sockets of systemd; there were none.",
        look: "A .fcgi script that is run by hand gets here, too: then nothing is wrong with it.",
        act: "Give an address, the same as in the web server's configuration.",
        example: "fcgi-run socket=/tmp/mysite.sock",
    }
    NO_APPLICATION = 17 {
        cause: "no application was named, and none was found",
        cure: "name it with app=module:callable, or settings=mysite.settings, or start in the project's folder",
        happened: "Without app= and settings=, fcgi-run looks into the folder where it was started for manage.py, wsgi.py, \
                   app.py and passenger_wsgi.py. None of them was there.",
        look: "The message names the folder and what was looked for.",
        act: "Change to the project's folder before you start it, or name the application and, with pythonpath=, its folder.",
        example: "fcgi-run pythonpath=/srv/mysite app=mysite.wsgi socket=/tmp/mysite.sock",
    }
    NO_RESPONDER = 18 {
        cause: "there is no application that answers with pages",
        cure: "name one with app=module:callable",
        happened: "The preview and plain CGI ask for pages. Only an authorizer or a filter was named, and those give none.",
        look: "The words authorizer= and filter= of the start.",
        act: "Name the application that answers as well, or leave out http=.",
        example: "fcgi-run http=127.0.0.1:8000 app=mysite.wsgi:application",
    }
    WORKDIR = 19 {
        cause: "the working directory cannot be entered",
        cure: "correct workdir=, or make the folder",
        happened: "The server is to run in the folder of workdir=, which is not there or may not be entered by this user.",
        look: "The message names the folder and what the system says.",
        act: "Make the folder, or let the user in: every folder on the way needs the permission x.",
        example: "namei -l /srv/mysite",
    }
    OTHER_VIRTUALENV = 20 {
        cause: "the virtual environment is not that of this Python",
        cure: "start fcgi-run with the Python of that environment, or leave out virtualenv",
        happened: "The package fcgi_runner runs inside a Python that was started before; it cannot become another one. \
                   virtualenv= names another environment.",
        look: "The message names both.",
        act: "Use the fcgi-run of that environment: install the package there, and start its bin/fcgi-run.",
        example: "/srv/mysite/venv/bin/fcgi-run socket=/tmp/mysite.sock",
    }
    UNKNOWN_CODE = 21 {
        cause: "a code that fcgi-run does not have",
        cure: "fcgi-run explain shows all of them",
        happened: "explain was asked for a code that is not in the table of this version.",
        look: "The message names the nearest code. fcgi-run version says which version this is.",
        act: "Copy the code from the message, the log or the error page: FR and three digits.",
        example: "fcgi-run explain",
    }
}
