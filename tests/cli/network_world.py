#!/usr/bin/env python3
"""The outside world of the tests of real clients, on loopback: name server, web servers, an echo, a registry of
packages. Prints its ports as JSON.

Usage: network_world.py DIRECTORY [http2|ssh|postgres]...

The directory has cert.pem, key.pem and what is to be served below www/.

Every name below .test is 127.0.0.1. So is every name below .hidden, which the proxy alone knows; it wants the credential
user:s3cret, and notes what it was asked in DIRECTORY/proxied. Ends with its standard input. The servers that are named
are real ones, which have to be installed; the port of one that does not start is 0.
"""
import base64
import functools
import glob
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import zipfile


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        message, sock = self.request
        end = message.index(0, 12) + 5
        name, kind = message[12:end - 5].lower(), message[end - 4:end - 2]
        known = name.endswith(b"\x04test")
        answers = known and kind == b"\0\1"
        head = message[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + (b"\0\1" if answers else b"\0\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if answers else b""
        sock.sendto(head + message[12:end] + record, self.client_address)


class Web(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send_whole(self, body, kind="text/html"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/events/"):
            self.send_events(*map(float, self.path.split("/")[2:]))
        elif self.headers.get("Upgrade", "").lower() == "websocket":
            self.talk()
        else:
            super().do_GET()

    def send_events(self, count, gap, silence):
        """So many, `gap` seconds apart; before the last there is silence."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for i in range(int(count)):
            time.sleep(silence if i == count - 1 else gap)
            self.wfile.write(b"data: %d\n\n" % i)
        self.close_connection = True

    def talk(self):
        """WebSocket: frames come back as they are, unmasked."""
        proof = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(proof.digest()).decode())
        self.end_headers()
        while head := self.rfile.read(2):
            size, long = head[1] & 127, b""
            if size == 126:
                long = self.rfile.read(2)
                size = int.from_bytes(long, "big")
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
            self.wfile.write(bytes([head[0], head[1] & 127]) + long + text)
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_whole(body)


def wheel():
    file = io.BytesIO()
    name = "leash_tiny-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("leash_tiny.py", "print('tiny, by pip')\n")
        archive.writestr(f"{name}/METADATA", "Metadata-Version: 2.1\nName: leash-tiny\nVersion: 1.0\n")
        archive.writestr(f"{name}/WHEEL",
                         "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}/RECORD", "")
    return file.getvalue()


def tarball():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in (("package.json", b'{"name":"leash-tiny","version":"1.0.0"}'),
                           ("index.js", b"console.log('tiny, by npm')\n")):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return file.getvalue()


class Registry(Web):
    """One package, leash-tiny, as pip (PEP 503) and npm ask for it."""
    wheel, tarball = wheel(), tarball()

    def do_GET(self):
        if self.path == "/simple/leash-tiny/":
            self.send_whole(b'<a href="/leash_tiny-1.0-py3-none-any.whl">leash_tiny-1.0-py3-none-any.whl</a>')
        elif self.path.endswith(".whl"):
            self.send_whole(self.wheel, "application/octet-stream")
        elif self.path == "/leash-tiny":
            dist = {"tarball": f"http://{self.headers['Host']}/leash-tiny/-/leash-tiny-1.0.0.tgz",
                    "shasum": hashlib.sha1(self.tarball).hexdigest()}
            version = {"name": "leash-tiny", "version": "1.0.0", "dist": dist}
            self.send_whole(json.dumps({"name": "leash-tiny", "dist-tags": {"latest": "1.0.0"},
                                        "versions": {"1.0.0": version}}).encode(), "application/json")
        elif self.path.endswith(".tgz"):
            self.send_whole(self.tarball, "application/octet-stream")
        else:
            self.send_error(404)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 speaks first\r\n")
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_CONNECT(self):
        if (upstream := self.reach(self.path)) is None:
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.carry(upstream)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if (upstream := self.reach(url.netloc)) is None:
            return
        upstream.sendall(f"GET {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
        self.carry(upstream)

    def reach(self, place):
        self.close_connection = True
        if self.headers["Proxy-Authorization"] != "Basic " + base64.b64encode(b"user:s3cret").decode():
            self.send_error(407)
            return None
        with open(self.server.log, "a") as log:
            log.write(self.requestline + "\n")
        return socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2])))

    def carry(self, upstream):
        def copy(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        other = threading.Thread(target=copy, args=(upstream, self.connection), daemon=True)
        other.start()
        copy(self.connection, upstream)
        other.join()


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def start(command, port, **options):
    """A server of its own program; 0 if nobody listens in time."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    children.append(process)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return port
        except OSError:
            if process.poll() is not None:
                return 0
            time.sleep(0.1)
    return 0


children = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http2(directory):
    port = free_port()
    return start(["nghttpd", "-a", "127.0.0.1", "-d", f"{directory}/www", str(port), f"{directory}/key.pem",
                  f"{directory}/cert.pem"], port)


def ssh(directory):
    """Lets the user who runs this in, by the key `id` that it makes."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        return 0
    for key in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/{key}"], check=True)
    port = free_port()
    with open(f"{directory}/sshd_config", "w") as config:
        config.write(f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {directory}/host\nPidFile none\nUsePAM no\n"
                     f"AuthorizedKeysFile {directory}/id.pub\nStrictModes no\nPasswordAuthentication no\n"
                     # The repository may have been handed over to another user.
                     "SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*\n")
    command = [program, "-D", "-f", f"{directory}/sshd_config"]
    if os.geteuid() == 0:  # the directory that it wants, in a place of its own
        prepare = 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", prepare, "sh"] + command
    return start(command, port, stderr=subprocess.DEVNULL)


def postgres(directory):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin")) + [""]
    place = f"{directory}/postgres"
    os.mkdir(place)
    options = {"cwd": place}
    if os.geteuid() == 0:  # it refuses to be root
        os.chown(place, 65534, 65534)
        options.update(user=65534, group=65534, extra_groups=[])
    try:
        subprocess.run([os.path.join(programs[0], "initdb"), "-D", f"{place}/data", "-U", "tester", "-A", "trust", "-N"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    except (OSError, subprocess.CalledProcessError):
        return 0
    port = free_port()
    return start([os.path.join(programs[0], "postgres"), "-D", f"{place}/data", "-p", str(port), "-h", "127.0.0.1",
                  "-k", place, "-F"], port, stderr=subprocess.DEVNULL, **options)


def main():
    directory = sys.argv[1]
    more = {"http2": http2, "ssh": ssh, "postgres": postgres}
    web = functools.partial(Web, directory=os.path.join(directory, "www"))
    socketserver.ThreadingTCPServer.daemon_threads = True
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), web)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem"))
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.log = os.path.join(directory, "proxied")
    ports = {
        "dns": serve(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)),
        "http": serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), web)),
        "https": serve(secure),
        "proxy": serve(proxy),
        "echo": serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)),
        "registry": serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)),
    }
    for name in sys.argv[2:]:
        ports[name] = more[name](directory)
    print(json.dumps(ports), flush=True)
    sys.stdin.read()
    for child in children:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


if __name__ == "__main__":
    main()
