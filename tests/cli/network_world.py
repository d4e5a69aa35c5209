#!/usr/bin/env python3
"""The outside world of e2e_network_test.cc, on loopback: name server, web servers, an echo. Prints its ports as JSON.

Usage: network_world.py DIRECTORY    (with cert.pem, key.pem and what is to be served below www/)

Every name below .test is 127.0.0.1. So is every name below .hidden, which the proxy alone knows; it wants the credential
user:s3cret, and notes what it was asked in DIRECTORY/proxied. Ends with its standard input.
"""
import base64
import functools
import http.server
import json
import os
import socket
import socketserver
import ssl
import sys
import threading
import urllib.parse


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

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


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


def main():
    directory = sys.argv[1]
    web = functools.partial(Web, directory=os.path.join(directory, "www"))
    socketserver.ThreadingTCPServer.daemon_threads = True
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), web)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem"))
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.log = os.path.join(directory, "proxied")
    print(json.dumps({
        "dns": serve(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)),
        "http": serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), web)),
        "https": serve(secure),
        "proxy": serve(proxy),
        "echo": serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)),
    }), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
