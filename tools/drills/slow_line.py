#!/usr/bin/python3
"""The far end of a tunnel over a slow line: `slow_line.py ADDRESS DEVICE MILLISECONDS` takes IP in
IP that is sent to ADDRESS, and gives what is inside to the TUN device so much later. It says
"ready"."""

import collections
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454ca
TUN_NO_PI = 0x1001
IPIP = 4


def main():
    address, name, delay = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000
    device = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack('16sH', name.encode(), TUN_NO_PI))
    subprocess.run(['ip', 'link', 'set', name, 'up'], check=True)
    tunnel = socket.socket(socket.AF_INET, socket.SOCK_RAW, IPIP)
    tunnel.bind((address, 0))
    print('ready', flush=True)
    under_way = collections.deque()  # (when it arrives, packet)
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([tunnel], [], [], wait)[0]:
            outer = tunnel.recv(65536)
            under_way.append((time.monotonic() + delay, outer[(outer[0] & 0xf) * 4:]))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(device, under_way.popleft()[1])


if __name__ == '__main__':
    main()
