//! The process that tells how the server is doing: numbers 480 to 499.

super::messages! {
    STATUS_DIED = 480 {
        cause: "the process that tells the status has died, or cannot be started",
        cure: "nothing has to be done: it is started again after a second; requests are not touched",
        happened: "The small process behind statussocket= and statusport= has ended. It serves no visitors.",
        look: "The lines before it in errlog; dmesg, if the machine was out of memory.",
        act: "If it comes again and again, look for a limit on processes or memory, and report it.",
        example: "dmesg | tail",
    }
}
