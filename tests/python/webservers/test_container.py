"""The command of the Dockerfile, as it stands, in a network of its own, as a container has one."""

import json
import os
import subprocess

from support import places, process
from support.appserver import environment, runner
from support.recipes import Recipe

APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from the container"]
"""


def test_the_command_of_the_image_serves_and_stops(grounds):
    text = Recipe("container/Dockerfile").text
    command = next(line.removeprefix("CMD ") for line in text.splitlines() if line.startswith("CMD "))
    program, *words = json.loads(command)
    assert program == "fcgi-run"
    folder = grounds.run_folder()
    (folder / "mysite").mkdir()
    (folder / "mysite" / "wsgi.py").write_text(APPLICATION)
    places.give_away(folder)
    network = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    argv = [*network, *places.unprivileged([str(runner()), *words])]
    with open(folder / "output", "wb") as output:
        server = subprocess.Popen(argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stderr=output)

    def told():
        return (folder / "output").read_text()

    try:
        process.wait_for(lambda: " serving " in told() or server.poll() is not None, what="a server")
        assert server.poll() is None, told()
        assert "address=0.0.0.0:9000" in told()
    finally:
        server.terminate()
        status = server.wait(process.STOP_SECONDS)
    assert status == 0, told()
    process.wait_for(lambda: not process.using(folder), what="the end of all")
