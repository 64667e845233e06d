"""An agent of HAProxy's protocol: `agent.py ADDRESS PORT FILE` answers whoever connects with what
the file says at that moment.
"""

import pathlib
import socket
import sys

address, port, file = sys.argv[1:]
with socket.create_server((address, int(port))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(pathlib.Path(file).read_bytes() + b'\n')
