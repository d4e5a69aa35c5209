#!/usr/bin/env python3
"""The world outside of a sandbox, for the network rows: a network namespace in which every address is this program.

Started in a network namespace of its own with the capabilities over it. Says "ready", then answers commands, a line
each: `report` what was seen since the last report, as one line; `name NAME ADDRESS` what a name leads to from now on.
Ends with its standard input.

Names: NAME.test leads to a public address, TABLE says which; 10-0-0-1.ip.test to 10.0.0.1, and 32 hexadecimal digits
before .ip6.test to that IPv6 address. Servers speak first only when they are spoken to: see Server.
"""
import ipaddress
import re
import socket
import socketserver
import struct
import sys
import threading

PORTS = (22, 80, 443, 3128, 5432, 8080, 8443)
SILENT_PORT = 81  # takes no connection, and refuses none
DATAGRAM_PORTS = (443, 8443)
TABLE = {
    "good.test": ["93.184.216.34"],
    "other.test": ["93.184.216.66"],
    "mixed.test": ["127.0.0.1", "10.0.0.1", "93.184.216.34"],
}
TURNS = {"rebind.test": ["93.184.216.34", "169.254.169.254", "127.0.0.1"]}  # one after the other
ELSE = ["93.184.216.34"]

lock = threading.Lock()
seen = []


def note(text):
    with lock:
        seen.append(text)


def make_every_address_local():
    up = struct.pack("=BBHiII", 0, 0, 0, 1, 1, 1)  # ifinfomsg: interface 1, IFF_UP
    requests = [(16, 0, up)]  # RTM_NEWLINK
    for family in (socket.AF_INET, socket.AF_INET6):
        # rtmsg: table local, protocol static, scope host, type local; RTA_OIF: loopback
        route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 255, 4, 254, 2, 0) + struct.pack("=HHI", 8, 4, 1)
        requests.append((24, 0x400, route))  # RTM_NEWROUTE, NLM_F_CREATE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        for kind, flags, body in requests:
            netlink.send(struct.pack("=IHHII", 16 + len(body), kind, 5 | flags, 1, 0) + body)
            error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
            if error != 0 and not (kind == 24 and body[0] == socket.AF_INET6):
                sys.exit(f"netlink message {kind}: error {error}")


class Server(socketserver.BaseRequestHandler):
    """Notes who was connected to and what came first. HTTP is answered by the address that was reached."""

    def handle(self):
        here = self.request.getsockname()
        address = str(ipaddress.ip_address(here[0].partition("%")[0]))
        place = f"{address}:{here[1]}"
        note(f"tcp {place}")
        try:
            while data := self.request.recv(65536):
                if not self.answer(place, address, data):
                    break
        except OSError:
            pass

    def answer(self, place, address, data):
        """Whether more is waited for."""
        note(f"data {place} {data[:600]!r}")
        if data.startswith((b"GET ", b"POST ", b"HEAD ")):
            body = f"reached {address}\n".encode()
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return b"Connection: close" not in data
        if data.startswith(b"until the end"):  # answers when the other side has said all
            while more := self.request.recv(65536):
                data += more
            self.request.sendall(b"%d bytes came\n" % len(data))
            self.request.shutdown(socket.SHUT_WR)
        elif data.startswith(b"end first"):  # says all, and goes on reading
            self.request.sendall(b"that was all\n")
            self.request.shutdown(socket.SHUT_WR)
        elif data.startswith(b"stream"):
            while self.request.recv(65536):
                note("more")
            note("stream ended")
        return True


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        note(f"udp {self.server.server_address[1]}")
        self.request[1].sendto(b"answer", self.client_address)


def addresses_of(name, kind):
    if match := re.fullmatch(r"([0-9-]+)\.ip\.test", name):
        return [match[1].replace("-", ".")]
    if match := re.fullmatch(r"([0-9a-f]{32})\.ip6\.test", name):
        return [str(ipaddress.IPv6Address(bytes.fromhex(match[1])))]
    with lock:
        if name in TURNS:
            if kind == 1:
                TURNS[name].append(TURNS[name].pop(0))
            return [TURNS[name][-1]]
        return TABLE.get(name, ELSE if name.endswith(".test") else [])


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        message, sock = self.request
        end = message.index(0, 12) + 5
        kind = struct.unpack_from("!H", message, end - 4)[0]
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
            at += 1 + message[at]
        name = ".".join(labels)
        note(f"dns {name} {kind}")
        records = b""
        count = 0
        found = addresses_of(name, kind)
        for address in map(ipaddress.ip_address, found):
            if kind == (1 if address.version == 4 else 28):
                records += struct.pack("!HHHIH", 0xc00c, kind, 1, 1, len(address.packed)) + address.packed
                count += 1
        flags = 0x8180 if found else 0x8183
        sock.sendto(message[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + message[12:end] + records,
                    self.client_address)


class Tcp4(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024


class Tcp6(Tcp4):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class Udp4(socketserver.ThreadingUDPServer):
    daemon_threads = True


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()


def silent():
    server = socket.socket()
    server.bind(("0.0.0.0", SILENT_PORT))
    server.listen(0)
    waiting = [server]
    for _ in range(4):  # who comes when its queue is full gets no answer
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", SILENT_PORT))
        waiting.append(client)
    return waiting


def main():
    threading.stack_size(256 * 1024)
    make_every_address_local()
    for port in PORTS:
        serve(Tcp4(("0.0.0.0", port), Server))
        if socket.has_ipv6:
            try:
                serve(Tcp6(("::", port), Server))
            except OSError:  # a machine without IPv6
                pass
    for port in DATAGRAM_PORTS:
        serve(Udp4(("0.0.0.0", port), Datagrams))
    serve(Udp4(("0.0.0.0", 53), Names))
    kept = silent()
    print("ready", flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        with lock:
            if command == "name":
                TABLE[words[0]] = words[1:]
                print("done", flush=True)
            else:
                print("; ".join(seen), flush=True)
                seen.clear()
    del kept


if __name__ == "__main__":
    main()
