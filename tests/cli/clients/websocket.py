"""A WebSocket client (RFC 6455): says one thing, prints what comes back.

Usage: websocket.py HOST PORT direct|connect|proxy    (with the proxy at 127.0.0.1:3128)
"""
import base64
import os
import socket
import struct
import sys


def until_blank_line(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            sys.exit(f"ended after {head!r}")
        head += byte
    return head.split(b"\r\n")[0].decode()


def main():
    host, port, way = sys.argv[1:]
    server = f"{host}:{port}"
    stream = socket.create_connection((host, int(port)) if way == "direct" else ("127.0.0.1", 3128), timeout=30)
    if way == "connect":
        stream.sendall(f"CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\r\n".encode())
        answer = until_blank_line(stream)
        if " 200 " not in answer + " ":
            sys.exit(answer)
    target = f"http://{server}/chat" if way == "proxy" else "/chat"
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = until_blank_line(stream)
    if " 101 " not in answer:
        sys.exit(answer)
    for text in (b"first", b"second" * 1000):
        mask = os.urandom(4)
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack("!H", len(text))
        stream.sendall(b"\x81" + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text)))
        frames = stream.makefile("rb")
        kind, size = frames.read(2)
        size = struct.unpack("!H", frames.read(2))[0] if size == 126 else size
        if kind != 0x81 or frames.read(size) != text:
            sys.exit("another text came back")
    print(way, "said and heard")


if __name__ == "__main__":
    main()
