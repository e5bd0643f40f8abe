# chaos/faults: does what the schedule says to workers, servers, connections, disks and clocks.
# SPDX-License-Identifier: Apache-2.0
import signal
import threading
import time


class Faults:
    """Each fault runs in a thread of its own; two on one server wait for each other."""

    def __init__(self, stack, fleet, proxies, disks, names, began_s):
        self.stack, self.fleet, self.proxies, self.disks = stack, fleet, proxies, disks
        self.names, self.began_s = names, began_s  # names: of servers, by what the schedule says
        self.locks = {where: threading.Lock() for where in ("s3", "database", "kafka", "log")}
        self.threads, self.over, self.wrong = [], [], []  # over: (fault, from, to, what was met)

    def start(self, fault):
        thread = threading.Thread(target=self.run, args=(fault,), daemon=True)
        thread.start()
        self.threads.append(thread)

    def run(self, fault):
        do = getattr(self, f"{fault.what}_{fault.where}", None) or getattr(self, fault.what)
        try:
            if fault.where in self.locks:
                with self.locks[fault.where]:
                    self.note(fault, do)
            else:
                self.note(fault, do)
        except Exception as error:
            self.wrong.append(f"fault {fault.number} ({fault.what} {fault.where}): {error!r}")

    def note(self, fault, do):
        began_s = time.monotonic()
        met = do(fault)
        entry = (fault, began_s, time.monotonic(), met)
        self.over.append(entry)
        words = " ".join(f"{k}={v}" for k, v in (met or {"nothing": "met"}).items())
        print(f"# {began_s - self.began_s:8.2f} {entry[2] - self.began_s:8.2f} "
              f"{fault.what} {fault.where} {words}", flush=True)

    def join(self, deadline_s):
        until = time.monotonic() + deadline_s
        for thread in self.threads:
            thread.join(max(0.1, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    # workers

    def kill_worker(self, fault):
        worker = self.fleet.kill(fault.more["which"])
        if worker is None:
            return None
        wait_for(fault.for_s)
        self.fleet.replace(worker, fault.more["take_over"])
        return {"worker": worker.number, "take_over": fault.more["take_over"]}

    def stop_worker(self, fault):
        worker = self.fleet.pick(fault.more["which"])
        if worker is None:
            return None
        worker.signal(signal.SIGSTOP)
        wait_for(fault.for_s)
        worker.signal(signal.SIGCONT)
        return {"worker": worker.number}

    def term_worker(self, fault):
        worker = self.fleet.pick(fault.more["which"])
        if worker is None:
            return None
        if not self.fleet.ask(worker):
            raise RuntimeError(f"worker {worker.number} did not end within a minute of SIGTERM")
        return {"worker": worker.number}

    def zombie(self, fault):
        """It stands still, another one takes over, and it wakes up."""
        rivals = []

        def put_to_sleep(worker):
            worker.still = True
            worker.signal(signal.SIGSTOP)
            rivals.append(self.fleet.start(other_host(worker), True))
        worker = self.fleet.pick(fault.more["which"], put_to_sleep)
        if worker is None or rivals[0] is None:
            return None
        wait_for(fault.for_s)
        worker.signal(signal.SIGCONT)
        worker.still = False
        return {"worker": worker.number, "rival": rivals[0].number}

    def rival(self, fault):
        """A second worker or two, at once or by watching first; in the end one of them stays."""
        worker = self.fleet.pick("newest")
        if worker is None:
            return None
        hosts = [other_host(worker), worker.host][:1 + fault.more["both_at_once"]]
        rivals = [self.fleet.start(host, fault.more["rival_takes_over"]) for host in hosts]
        if None in rivals:
            return None
        wait_for(fault.for_s)
        left = [one for one in (worker, *rivals) if not one.ended() and not one.still]
        stays = left[-1:] if fault.more["which"] == "oldest" else left[:1]
        for one in left:
            if one not in stays:
                one.die() if fault.more["ends_by"] == "kill" else self.fleet.ask(one)
        return {"worker": worker.number, "rivals": ",".join(str(one.number) for one in rivals),
                "takes_over": fault.more["rival_takes_over"],
                "stays": ",".join(str(one.number) for one in stays)}

    def clock(self, fault):
        self.fleet.clocks[fault.more["host"]].step(fault.more["offset_s"])
        return {"host": fault.more["host"], "offset_s": fault.more["offset_s"]}

    # servers

    def kill(self, fault):
        self.stack.service("kill", self.names[fault.where])
        wait_for(fault.for_s)
        self.stack.service("start", self.names[fault.where])
        return {"down_s": round(fault.for_s, 1)}

    def stop(self, fault):
        self.stack.service("pause", self.names[fault.where])
        wait_for(fault.for_s)
        self.stack.service("resume", self.names[fault.where])
        return {"for_s": round(fault.for_s, 1)}

    def full(self, fault):
        disk = self.disks[fault.where]
        disk.fill()
        wait_for(fault.for_s)
        disk.clear()
        return {"for_s": round(fault.for_s, 1)}

    # connections

    def cut(self, fault):
        proxy = self.proxies[fault.where]
        proxy.refuses = True
        proxy.cut()
        wait_for(fault.for_s)
        proxy.refuses = False
        return {"for_s": round(fault.for_s, 1)}

    def deaf(self, fault):
        proxy = self.proxies[fault.where]
        proxy.deaf = True
        wait_for(fault.for_s)
        proxy.deaf = False
        return {"for_s": round(fault.for_s, 1)}

    def hole(self, fault):
        proxy = self.proxies[fault.where]
        proxy.hole()
        wait_for(fault.for_s)
        if not fault.more["at_once"]:
            proxy.cut()
        proxy.fill()
        return {"for_s": round(fault.for_s, 1), "ends": "in order" if fault.more["at_once"] else "cut"}

    def slow(self, fault):
        proxy = self.proxies[fault.where]
        proxy.slow = (fault.more["latency_s"], fault.more["bytes_a_second"])
        wait_for(fault.for_s)
        proxy.slow = None
        return {"for_s": round(fault.for_s, 1), "latency_s": fault.more["latency_s"],
                "bytes_a_second": fault.more["bytes_a_second"]}


def wait_for(seconds):
    """A fault lasts so long."""
    threading.Event().wait(seconds)


def other_host(worker):
    return "b" if worker.host == "a" else "a"
