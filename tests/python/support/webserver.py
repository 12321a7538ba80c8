"""nginx, lighttpd, Apache, HAProxy and Caddy on loopback, around one recipe: process, port, logs, temporary folders."""

import re
import socket
import subprocess
from pathlib import Path

from support import places
from support.appserver import environment
from support.process import Process, find

APACHE_MODULES = Path("/usr/lib/apache2/modules")


class WebServer:
    """A web server with `recipe` as its configuration, listening on `port` when the constructor returns."""

    program = package = ""
    # Bytes of a body of unknown length that it lets through.
    largest_chunked_body = float("inf")

    def __init__(self, folder, port, recipe):
        self.folder = places.make_folder(folder)
        self.port = port
        self.path = find(self.program, self.package)
        self.log = self.folder / "error.log"
        (self.folder / "recipe.conf").write_text(recipe)
        self.config = self.folder / "main.conf"
        self.config.write_text(self.wrapper())
        places.give_away(self.folder)
        self.process = Process(self.program, self.folder, self.argv(), env=self.environment(), logs=[self.log])
        self.process.wait_until(self.accepts)

    def environment(self):
        return environment()

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def logs(self):
        return self.process.logs()

    def stop(self):
        self.process.stop()


class Nginx(WebServer):
    program, package = "nginx", "nginx-light"

    def argv(self):
        return [self.path, "-c", str(self.config), "-p", str(self.folder), "-e", str(self.log)]

    def wrapper(self):
        # Found by the `include fastcgi_params` of the recipes.
        (self.folder / "fastcgi_params").write_text(Path("/etc/nginx/fastcgi_params").read_text())
        temporary = "\n".join(
            f"    {name}_temp_path {self.folder}/{name};"
            for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        )
        return f"""daemon off;
worker_processes 1;
pid {self.folder}/pid;
events {{ worker_connections 128; }}
http {{
    access_log off;
    include /etc/nginx/mime.types;
{temporary}
    include recipe.conf;
}}
"""


class Lighttpd(WebServer):
    program, package = "lighttpd", "lighttpd"

    def argv(self):
        return [self.path, "-D", "-f", str(self.config)]

    def wrapper(self):
        # The modules of Debian's own main file, which recipes in conf-enabled/ build on.
        return f"""server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect" )
server.document-root = "{places.make_folder(self.folder / "documents")}"
server.upload-dirs = ( "{places.make_folder(self.folder / "uploads")}" )
server.errorlog = "{self.log}"
server.bind = "127.0.0.1"
server.port = {self.port}
mimetype.assign = ( ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml" )
include "recipe.conf"
"""


class Apache(WebServer):
    program, package = "apache2", "apache2"
    modules = """mpm_event authz_core authz_host authz_user authn_core auth_basic authnz_fcgi
        mime dir alias rewrite setenvif env proxy proxy_fcgi fcgid"""

    def argv(self):
        return [self.path, "-DFOREGROUND", "-d", str(self.folder), "-f", str(self.config)]

    def wrapper(self):
        loads = []
        for name in self.modules.split():
            file = APACHE_MODULES / f"mod_{name}.so"
            assert file.exists(), f"{file} is missing: `apt-get install apache2 libapache2-mod-fcgid`"
            loads.append(f"LoadModule {name}_module {file}")
        return f"""ServerRoot "{self.folder}"
DefaultRuntimeDir "{self.folder}"
PidFile "{self.folder}/pid"
ErrorLog "{self.log}"
Listen 127.0.0.1:{self.port}
ServerName 127.0.0.1
{chr(10).join(loads)}
TypesConfig /etc/mime.types
StartServers 1
ThreadsPerChild 12
MinSpareThreads 2
MaxSpareThreads 12
MaxRequestWorkers 12
FcgidIPCDir "{places.make_folder(self.folder / "fcgid")}"
FcgidProcessTableFile "{self.folder}/fcgid_shm"
<Directory "/">
    AllowOverride None
    Require all denied
</Directory>
Include recipe.conf
"""


class HaProxy(WebServer):
    program, package = "haproxy", "haproxy"
    largest_chunked_body = 15_000

    def version(self):
        """As numbers: (2, 6, 12)."""
        told = subprocess.run([self.path, "-v"], capture_output=True, text=True, check=True).stdout
        return tuple(map(int, re.search(r"version (\d+)\.(\d+)\.(\d+)", told).groups()))

    def argv(self):
        return [self.path, "-db", "-f", str(self.config), "-f", str(self.folder / "recipe.conf")]

    def wrapper(self):
        # What the recipes need of Debian's own main file, in which they are the second part.
        return """global
    maxconn 256
    log stdout format raw local0 notice

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 50s
    timeout server 50s
"""


class Caddy(WebServer):
    program, package = "caddy", "caddy"

    def argv(self):
        return [self.path, "run", "--adapter", "caddyfile", "--config", str(self.config)]

    def environment(self):
        # The home is where it keeps certificates and its last configuration.
        return {**environment(), "HOME": str(self.folder)}

    def wrapper(self):
        return "{\n    admin off\n}\nimport recipe.conf\n"
