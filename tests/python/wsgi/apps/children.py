"""Looks at what child processes, threads, signal handlers and exit handlers find."""

import asyncio
import atexit
import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

from routes import Routes, answer, answer_json, mark, pass_gate, words

application = Routes()

SHOW = """
import json, os, signal
status = dict(line.split(":\\t") for line in open("/proc/self/status"))
names = os.listdir("/proc/self/fd")
links = {name: os.readlink("/proc/self/fd/" + name) for name in names if os.path.exists("/proc/self/fd/" + name)}
print(json.dumps({
    "fds": {name: link for name, link in links.items() if "/proc/" not in link},
    "blocked": int(status["SigBlk"], 16), "ignored": int(status["SigIgn"], 16),
    "caught": int(status["SigCgt"], 16), "environ": dict(os.environ),
}))
"""
# Without a descriptor of its own for the program text.
COMMAND = [sys.executable, "-I", "-S", "-c", SHOW]
POOL = concurrent.futures.ThreadPoolExecutor(2)


@application.valid
def subprocess_run(environ, start_response):
    """`subprocess` closes descriptors itself unless told otherwise."""
    shown = subprocess.run(COMMAND, stdout=subprocess.PIPE, check=True, close_fds=False).stdout
    return answer(start_response, shown)


@application.valid
def plain_exec(environ, start_response):
    """`fork` and `exec` without any help."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.execv(COMMAND[0], COMMAND)
    os.close(writing)
    with open(reading, "rb") as pipe:
        shown = pipe.read()
    os.waitpid(child, 0)
    return answer(start_response, shown)


@application.valid
def exit_status(environ, start_response):
    """Children are the application's to wait for."""
    return answer_json(start_response, [os.system("exit 3") >> 8, subprocess.call(["/bin/sh", "-c", "exit 4"])])


@application.valid
def signals(environ, start_response):
    """Installs handlers, and sends the signals to this very process."""
    seen = []
    old = [signal.signal(number, lambda *_: seen.append("alarm")) for number in (signal.SIGALRM, signal.SIGUSR2)]
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    while not seen:
        pass
    os.kill(os.getpid(), signal.SIGUSR2)
    while len(seen) < 2:
        pass
    for number, handler in zip((signal.SIGALRM, signal.SIGUSR2), old, strict=True):
        signal.signal(number, handler or signal.SIG_DFL)
    return answer_json(start_response, seen)


def note_signal(number, frame):
    mark("signals", f"{number}:{threading.current_thread() is threading.main_thread()}")


# Importing is done by the main thread, so this is allowed in every process model.
signal.signal(signal.SIGWINCH, note_signal)
# As scripts have it whose output goes to `head`.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
# Signals that are the server's business, taken by an application all the same.
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
    signal.signal(number, lambda number, frame: mark("taken", number))


@application.plain
def reads_with_alarm(environ, start_response):
    """A limit to the time that a body may take: `/reads_with_alarm/TOKEN`. Only the second alarm ends it."""
    token, seen, stream = words(environ)[0], [], environ["wsgi.input"]

    def ring(number, frame):
        seen.append(number)
        if len(seen) == 2:
            raise TimeoutError("the body takes too long")

    # It stays: later alarms must not meet the default action, which ends the process.
    signal.signal(signal.SIGALRM, ring)
    mark(token, "reads")
    try:
        found = [stream.read()]
    except TimeoutError as error:
        mark(token, type(error).__name__)
        found = [b"interrupted ", stream.read(5), stream.readline(), stream.read()]
    return answer(start_response, b"|".join(found))


@application.valid
def endless(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    while True:
        yield b"x" * 100_000


@application.valid
def background(environ, start_response):
    """Starts a thread that goes on when the request is over."""
    token = words(environ)[0]

    def work():
        for number in range(3):
            pass_gate(token)
            mark(token, number)

    threading.Thread(target=work, daemon=True).start()
    return answer(start_response, str(os.getpid()))


@application.valid
def busy(environ, start_response):
    """Other threads run while a request waits for its body, and while it waits for its reader."""
    token = words(environ)[0]
    threading.Thread(target=mark, args=(token, "first"), daemon=True).start()
    environ["wsgi.input"].read(200_000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    threading.Thread(target=mark, args=(token, "second"), daemon=True).start()
    return [b"x" * (8 << 20)]


@atexit.register
def at_exit():
    mark(f"exit{os.getpid()}", "atexit")
    print(f"atexit of {os.getpid()}", end="")


@application.valid
def pid(environ, start_response):
    return answer(start_response, str(os.getpid()))


@application.valid
def submit(environ, start_response):
    """Hands work to a pool of threads; the interpreter's end waits for such."""
    token = words(environ)[0]
    POOL.submit(lambda: (pass_gate(token), mark(token, "done")))
    return answer(start_response, str(os.getpid()))


@application.plain
def forked_child_exits(environ, start_response):
    """A child that leaves by `sys.exit`, as one does: it must neither answer nor serve."""
    child = os.fork()
    if child == 0:
        sys.exit(5)
    _, status = os.waitpid(child, 0)
    return answer(start_response, str(os.waitstatus_to_exitcode(status)))


def send(writing):
    writing.send("from the child")


@application.valid
def event_loop(environ, start_response):
    """An event loop for one request, as frameworks run asynchronous views; with a child process in it."""

    async def echo():
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec("/bin/cat", stdin=pipe, stdout=pipe)
        await asyncio.sleep(0)
        return (await child.communicate(b"through a child"))[0]

    return answer(start_response, asyncio.run(echo()))


@application.valid
def processes(environ, start_response):
    """`multiprocessing`: `/processes/METHOD`."""
    context = multiprocessing.get_context(words(environ)[0])
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=send, args=(writing,))
    child.start()
    found = reading.recv()
    child.join()
    return answer_json(start_response, [found, child.exitcode])
