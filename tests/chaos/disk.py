# chaos/disk: a file system of its own, that is full when it is told to be.
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

PAGE = 4096


def apart():
    """Goes on in a mount namespace of its own: what is mounted there is gone with its last
    process. Needs root."""
    if not os.environ.get("WEIR_CHAOS_APART"):
        os.environ["WEIR_CHAOS_APART"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private",
                              sys.executable, *sys.argv])


class Disk:
    """A tmpfs. Full: it is made as small as what is on it."""

    def __init__(self, path, mib):
        self.path, self.mib = Path(path), mib
        self.path.mkdir(parents=True, exist_ok=True)
        self.mount("-t", "tmpfs", "-o", f"size={mib}m", "weir-chaos", self.path)

    def mount(self, *words):
        subprocess.run(["mount", *map(str, words)], check=True)

    def fill(self):
        found = os.statvfs(self.path)
        used = max((found.f_blocks - found.f_bfree) * found.f_frsize, PAGE)  # 0 is no limit
        for spare in range(0, 64):  # it grows while we look
            done = subprocess.run(["mount", "-o", f"remount,size={used + spare * 16 * PAGE}",
                                   str(self.path)], capture_output=True)
            if done.returncode == 0:
                return
        raise RuntimeError(f"could not fill {self.path}: {done.stderr}")

    def clear(self):
        self.mount("-o", f"remount,size={self.mib}m", self.path)

    def close(self):
        subprocess.run(["umount", "-l", str(self.path)], check=False)
