"""What the network rows let a program do: given to Python by its text, followed by calls of do()."""
import os
import socket
import ssl
import struct
import sys

PROXY = ("127.0.0.1", 3128)


def do(label, act, *args):
    try:
        result = act(*args)
    except Exception as error:
        result = type(error).__name__
    print(f"{label}: {result}", flush=True)


def everything(stream):
    data = b""
    while more := stream.recv(65536):
        data += more
    return data


def told(answer):
    """The status of an HTTP response, why it is one of leash's, and what was reached."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"):
        return "nothing" if not answer else "no HTTP"
    words = [head.split()[1].decode()]
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"x-leash-reason:"):
            words.append(line.split()[1].decode())
    if body.startswith(b"reached "):
        words.append(body.decode().strip())
    return " ".join(words)


def opened(host, port):
    return socket.create_connection((host, port), timeout=30)


def request(stream, host, target="/", *fields):
    head = "".join(f"{field}\r\n" for field in fields)
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{head}\r\n".encode())
    return told(everything(stream))


def get(host, port=80, named=None, *fields):
    """Without a proxy. `named` is what the Host field says."""
    with opened(host, port) as stream:
        return request(stream, named or (host if port == 80 else f"{host}:{port}"), "/", *fields)


def get_by_proxy(url, named=None, *fields):
    with opened(*PROXY) as stream:
        return request(stream, named or url.split("/")[2], url, *fields)


def tunnel(authority):
    stream = opened(*PROXY)
    stream.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and (byte := stream.recv(1)):
        answer += byte
    return stream, told(answer)


def get_by_tunnel(authority, named):
    stream, status = tunnel(authority)
    with stream:
        return status if status != "200" else request(stream, named)


def tunnelled(authority):
    """How CONNECT is answered."""
    stream, status = tunnel(authority)
    stream.close()
    return status


def hello(name):
    """A ClientHello with a server name, or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def say_hello(host, port, name, tunnelled=False):
    """The server gives no answer to it: what it was told is for the caller to look at."""
    try:
        stream, status = tunnel(f"{host}:{port}") if tunnelled else (opened(host, port), "200")
        with stream:
            if status != "200":
                return status
            stream.sendall(hello(name))
            stream.shutdown(socket.SHUT_WR)
            return "answered" if everything(stream) else "closed"
    except socket.gaierror:
        raise
    except OSError:  # by the kind of call that comes first after it
        return "reset"


def get_early(host):
    """With TCP_FASTOPEN_CONNECT: the request is what makes the connection."""
    with socket.socket() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, 30, 1)
        stream.connect((host, 80))
        return request(stream, host)


def resolve(name):
    return "answered" if socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM) else "nothing"


def question(name, kind):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def ask(server, name, kind=1):
    """By UDP, as dig does: the response code."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(20)
        stream.connect((server, 53))
        stream.send(question(name, kind))
        return f"code {stream.recv(4096)[3] & 15}"


def datagram(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(5)
        stream.connect((host, port))
        stream.send(b"datagram")
        return stream.recv(4096).decode()


def until_the_end(stream):
    """The server answers when it has seen the end of what we say."""
    with stream:
        stream.sendall(b"until the end" + b"x" * 100000)
        stream.shutdown(socket.SHUT_WR)
        return everything(stream).decode().strip()


def end_first(stream):
    """The server ends what it says; we go on."""
    with stream:
        stream.sendall(b"end first")
        answer = everything(stream).decode().strip()
        stream.sendall(b"and one more")
        return answer
