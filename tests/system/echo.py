"""A server that answers each datagram with its own name, its length and its SHA-256:
`echo.py NAME udp|sctp PORT ADDRESS...`."""

import hashlib
import selectors
import socket
import sys


def answer_to(name, data):
    return f'{name} {len(data)} {hashlib.sha256(data).hexdigest()}'.encode()


def listen(protocol, address, port):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    if protocol == 'udp':
        result = socket.socket(family, socket.SOCK_DGRAM)
        result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    else:
        result = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    result.bind((address, port))
    if protocol == 'sctp':
        result.listen()
    return result


def main():
    name, protocol, port, *addresses = sys.argv[1:]
    selector = selectors.DefaultSelector()
    for address in addresses:
        selector.register(listen(protocol, address, int(port)), selectors.EVENT_READ)
    print('ready', flush=True)
    while True:
        for key, _ in selector.select():
            if protocol == 'udp':
                data, client = key.fileobj.recvfrom(65536)
                key.fileobj.sendto(answer_to(name, data), client)
            else:
                channel, _ = key.fileobj.accept()
                with channel:
                    channel.sendall(answer_to(name, channel.recv(65536)))


if __name__ == '__main__':
    main()
