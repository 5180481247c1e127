"""Written by spapi. Python imports this before a program (by PYTHONPATH): it leads connections to Amazon's hosts to the emulator, for libraries that heed no
proxy variable, and leaves all others alone. All of them look up a host by _socket.getaddrinfo, whose answer has the port too, or leave it to connect."""


def _lead():
    import _socket  # below socket, and below gevent, which replaces what is in there
    import os
    import socket
    import sys

    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(os.path.dirname(folder), "hosts.txt"), encoding="ascii") as lines:
        hosts = frozenset(lines.read().split())
    getaddrinfo = _socket.getaddrinfo

    def known(host):
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        return isinstance(host, str) and host.lower().rstrip(".") in hosts

    def lead(host, port, *args, **more):
        if not known(host):
            return getaddrinfo(host, port, *args, **more)
        at, _, number = os.environ.get("SPAPI_EMULATOR_ADDRESS", "").rpartition(":")
        if not number.isdigit():  # never on to Amazon
            raise socket.gaierror(socket.EAI_NONAME, "spapi emulator: SPAPI_EMULATOR_ADDRESS does not tell where it is: no connection to %s" % host)
        return getaddrinfo(at.strip("[]"), int(number), type=socket.SOCK_STREAM)

    _socket.getaddrinfo = lead

    def led(connect):
        def to(self, address):
            if isinstance(address, tuple) and len(address) >= 2 and known(address[0]):
                address = lead(*address[:2])[0][4]
            return connect(self, address)

        return to

    socket.socket.connect = led(socket.socket.connect)
    socket.socket.connect_ex = led(socket.socket.connect_ex)
    # There may be another module of this name, which this one stands before.
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != folder]
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        sys.modules["sitecustomize"] = this


_lead()
