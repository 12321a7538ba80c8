//! Importing the application: exit status 3; in a reload the old workers go on.

super::messages! {
    IMPORT_RAISED = 100 {
        cause: "the application raised an exception while it was imported",
        cure: "the last lines of the traceback say what and where",
        happened: "Python has run the module of the application, and something in it has failed: a missing setting, a \
                   database that cannot be reached, a file that is not there. At a start nothing serves then; at a reload the \
                   old workers go on.",
        look: "The traceback, from its last line upwards, until a file of the project shows.",
        act: "Mend that. To try it without the server, import the module by hand, as the same user and with the same \
              environment: services have far fewer variables than a login shell.",
        example: "fcgi-run check app=mysite.wsgi:application",
    }
    MODULE_NOT_FOUND = 101 {
        cause: "the module of the application is not found",
        cure: "start fcgi-run in the folder that holds it, or name that folder with pythonpath=",
        happened: "Python has looked in the folder where fcgi-run was started, in those of pythonpath=, and in its \
                   site-packages. The module that was named is in none of them.",
        look: "The message names the module. It has to be the file or folder name without .py.",
        act: "Name the folder that holds it, not the folder of the module itself.",
        example: "fcgi-run pythonpath=/srv/mysite app=mysite.wsgi socket=/tmp/mysite.sock",
    }
    PACKAGE_MISSING = 102 {
        cause: "a package that the application needs is not installed for this Python",
        cure: "name the virtual environment with virtualenv=, or install the package there",
        happened: "The application was found and imports something that is not there. Nearly always it is installed in a \
                   virtual environment that fcgi-run does not use, or in one of another Python.",
        look: "fcgi-run check shows which Python and which environment are used.",
        act: "Give virtualenv=, or set VIRTUAL_ENV; a folder .venv beside the application is found by itself.",
        example: "fcgi-run virtualenv=/srv/mysite/venv socket=/tmp/mysite.sock",
    }
    SYNTAX_ERROR = 103 {
        cause: "a file of the application is not valid Python",
        cure: "the traceback names the file and the line",
        happened: "Python cannot compile a file. It was saved half-edited, or it uses what this version of Python does not \
                   have yet.",
        look: "The last lines of the traceback point at the place.",
        act: "Mend the line, or use the Python that the project was written for.",
        example: "python3 -m compileall -q /srv/mysite",
    }
    ATTRIBUTE_MISSING = 104 {
        cause: "the module has no such callable",
        cure: "app= wants module:callable; check how the second part is spelled",
        happened: "The module was imported, and what stands behind the colon is not in it. An exception of this kind inside \
                   the application looks the same; the traceback tells.",
        look: "The last line of the traceback names what was missing.",
        act: "Name what the module really has. A function that makes the application is written with parentheses: \
              module:create_app().",
        example: "python3 -c 'import mysite.wsgi; print(dir(mysite.wsgi))'",
    }
    NOT_CALLABLE = 105 {
        cause: "what was named is not callable",
        cure: "name the WSGI application itself, module:callable, or a factory, module:create_app()",
        happened: "A WSGI application is called for each request. What stands behind the colon cannot be: it may be a module, \
                   a settings object or None.",
        look: "The message shows the name.",
        act: "For Flask it is usually module:app, for Django mysite.wsgi:application.",
        example: "fcgi-run app=shop:create_app() socket=/tmp/shop.sock",
    }
    NO_USUAL_CALLABLE = 106 {
        cause: "the module has no callable named application or app",
        cure: "name it: app=module:callable",
        happened: "A module without a callable was named or found. Then application and app are looked for, and it has \
                   neither of them.",
        look: "The message names the module.",
        act: "Say which callable is meant.",
        example: "fcgi-run app=server:main_app socket=/tmp/mysite.sock",
    }
    MODULE_HIDDEN = 107 {
        cause: "another module of the same name was imported",
        cure: "give the file another name",
        happened: "The application was named as a file, and Python has found a module of that name somewhere else first, such \
                   as one of its own: test, code, email.",
        look: "The message names both files.",
        act: "Rename the file of the application.",
        example: "python3 -c 'import site; print(site.__file__)'",
    }
    DJANGO_SETTINGS = 108 {
        cause: "Django does not accept its settings",
        cure: "the last line of the traceback says which; name the module with settings=mysite.settings",
        happened: "Django raised ImproperlyConfigured while it was loaded: the settings module is missing or was not named, \
                   or a setting such as SECRET_KEY or DATABASES is empty or wrong. Settings from environment variables are \
                   often empty in services.",
        look: "The last line of the traceback.",
        act: "Set what is missing, in the service's unit or in the settings, and let Django check it.",
        example: "python3 manage.py check --deploy",
    }
    INTERPRETER = 109 {
        cause: "the Python interpreter cannot be started",
        cure: "check virtualenv=, VIRTUAL_ENV and PYTHONHOME",
        happened: "The embedded interpreter did not find its standard library, or the virtual environment is broken or \
                   belongs to another version.",
        look: "The message says what Python says; pyvenv.cfg in the environment names its version.",
        act: "Unset PYTHONHOME, and make the environment anew with the Python that fcgi-run was built for.",
        example: "cat /srv/mysite/venv/pyvenv.cfg",
    }
    INTERPRETER_BROKEN = 110 {
        cause: "the interpreter is not usable",
        cure: "look for modules of the project that have the name of one of Python's own",
        happened: "Something that fcgi-run needs of Python itself has failed, usually because a file of the project hides a \
                   module of the standard library: threading.py, io.py, types.py.",
        look: "The paths in the traceback.",
        act: "Rename such a file.",
        example: "ls /srv/mysite/*.py",
    }
    PRELOAD_THREADS = 111 {
        cause: "the application starts threads when it is imported, and preload is on",
        cure: "leave out preload, then every worker imports the application itself",
        happened: "With preload the application is imported once and the workers are forked afterwards. Threads do not live \
                   through a fork: what they were to do would not be done in any worker.",
        look: "Schedulers, metrics and error reporters often start threads at import.",
        act: "Leave out preload, or have the application start its threads at the first request.",
        example: "fcgi-run preload=false socket=/tmp/mysite.sock",
    }
    IMPORT_EXIT = 112 {
        cause: "the application ended the process while it was imported",
        cure: "start servers only under: if __name__ == \"__main__\"",
        happened: "The module has called sys.exit, or was interrupted. Scripts do that at their end when they are not \
                   guarded.",
        look: "The traceback shows the line that has called it.",
        act: "Put what a script does behind if __name__ == \"__main__\", and leave the application itself outside of it.",
        example: "fcgi-run check app=mysite:app",
    }
    NOT_GIVEN = 113 {
        cause: "an application that should have been handed over is not there",
        cure: "name it with app=module:callable",
        happened: "The program that has called fcgi_runner has announced an application and not handed it over, or the \
                   built-in echo application was asked for in a role that it is not served in.",
        look: "The message says which role.",
        act: "Name the application, or hand over a callable.",
        example: "fcgi-run app=mysite.wsgi:application socket=/tmp/mysite.sock",
    }
}
