"""Two requests on one connection, and a third elsewhere. Usage: session.py HOST PORT OTHER"""
import http.client
import sys


def main():
    host, port, other = sys.argv[1:]
    session = http.client.HTTPConnection(host, int(port), timeout=30)
    local = None
    for path in ("/", "/index.html"):
        session.request("GET", path)
        text = session.getresponse().read().decode().strip()
        print(text, "on the same connection" if session.sock.getsockname() == local else "on a new one")
        local = session.sock.getsockname()
    try:
        http.client.HTTPConnection(other, int(port), timeout=30).request("GET", "/")
        print("reached", other)
    except OSError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    main()
