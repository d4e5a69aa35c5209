#!/usr/bin/env python3
"""The outside world of e2e_network_test.cc, on loopback: name server, web servers, an echo. Prints its ports as JSON.

Usage: network_world.py DIRECTORY    (with cert.pem, key.pem and what is to be served below www/)

Every name below .test is 127.0.0.1. Ends with its standard input.
"""
import functools
import http.server
import json
import os
import socket
import socketserver
import ssl
import sys
import threading


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
    print(json.dumps({
        "dns": serve(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)),
        "http": serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), web)),
        "https": serve(secure),
        "echo": serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)),
    }), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
