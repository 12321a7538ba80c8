//! Several sites in one configuration file.

super::messages! {
    SITE_NAME = 580 {
        cause: "a site whose name cannot be one",
        cure: "write [site.NAME] alone on a line, the name of letters, digits, dashes and dots",
        happened: "Options of a site stand below a line [site.NAME] in the configuration file. This one has another form, or a \
                   name that cannot stand in a file name.",
        look: "The message has the line.",
        act: "Correct the line. Dots in a name need quotes in TOML.",
        example: "printf '[site.blog]\\nsocket = \"/run/blog.sock\"\\n' >> sites.toml",
    }
    UNKNOWN_SITE = 581 {
        cause: "a site that the configuration file does not have",
        cure: "the message names the nearest one that is there",
        happened: "site=NAME chooses one site of a file, and the file has no table [site.NAME].",
        look: "The names in the file: lines that begin with [site.",
        act: "Correct the name, or leave site= out to serve all of them.",
        example: "grep '^.site' sites.toml",
    }
    NOT_COMMON = 582 {
        cause: "an option that several sites cannot have in common",
        cure: "put it below the [site.NAME] that it is for, or choose one with site=NAME",
        happened: "Addresses belong to one site: a web server has to find each of them at its own. This one was given for all.",
        look: "The message says where it stands; it may be a variable that begins with FCGI_RUN_.",
        act: "Move the line below the table of its site.",
        example: "fcgi-run config=sites.toml site=blog http=127.0.0.1:8000",
    }
    SITE_ADDRESS = 583 {
        cause: "a site that does not say where to listen",
        cure: "add a socket, or host and port, below its [site.NAME]",
        happened: "Where there are several sites, each has to name its own address: none of them can be started by a web server.",
        look: "The table of the site in the configuration file.",
        act: "Add the line, and name the same address in the configuration of the web server.",
        example: "printf '[site.blog]\\nsocket = \"/run/blog.sock\"\\n' >> sites.toml",
    }
    SITES_COLLIDE = 584 {
        cause: "two sites that want the same address or pidfile",
        cure: "give each of them its own",
        happened: "Two tables of the configuration file name the same thing, which only one server can have. Nothing was started.",
        look: "The message names both sites.",
        act: "Correct one of them. It is often a line that was copied.",
        example: "grep -n -e socket -e port -e pidfile sites.toml",
    }
    SITE_FAILED = 585 {
        cause: "one of several sites could not be started, or has ended",
        cure: "see the message of the site itself; it is started again by and by",
        happened: "The server of a site has ended with an error. The other sites are not touched by it. It is started again after a \
                   second, then after two, four and so on, a minute at most.",
        look: "The log of the site (its errlog=), and the log of the house before this line.",
        act: "Mend what its message says; the next try, or a reload with the signal HUP, starts it.",
        example: "fcgi-run config=sites.toml site=blog daemonize=false",
    }
    SITES_RELOAD = 586 {
        cause: "the configuration file of several sites cannot be used",
        cure: "correct what the message says, and reload again",
        happened: "A reload reads the file anew. It has an error now, so that everything goes on as it was.",
        look: "The message has the line.",
        act: "Correct the file, then send HUP once more.",
        example: "fcgi-run check config=sites.toml && kill -HUP `cat sites.pid`",
    }
    SITES_PROGRAM = 587 {
        cause: "the program cannot be started once more for each site",
        cure: "start it as fcgi-run config=FILE, not from inside a program of your own",
        happened: "Each site is served by this program executed anew with other words. It was called from inside another one, which \
                   cannot be told to serve one site.",
        look: "How it was started: ps -o args shows it.",
        act: "Use the command fcgi-run of the same virtual environment.",
        example: "fcgi-run config=sites.toml",
    }
}
