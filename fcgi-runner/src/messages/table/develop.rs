//! Reloading while one develops: `reload=true`.

super::messages! {
    RELOAD_WITHOUT_MASTER = 350 {
        cause: "reload=true does nothing here",
        cure: "leave it out, or serve with a master: http=, socket=, or method=prefork",
        happened: "To load an application anew, there has to be a process that outlives the workers. There is none for a \
                   program that a web server has started with one thread, nor for plain CGI; and an application that a \
                   program has handed over can only be loaded anew by that program.",
        look: "The warning is written at the start.",
        act: "While developing, start fcgi-run yourself; a browser can look at it without a web server.",
        example: "fcgi-run http=127.0.0.1:8000 reload=true debug=true",
    }
}
