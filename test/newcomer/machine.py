"""Machines for the newcomer's test: Debian with systemd in containers, on a network of their own.

root_for() unpacks a distribution once, under build/newcomer. A machine is an overlay on it in memory, booted by
systemd-nspawn with a cgroup of its own. All of them, and what they wrote, are gone when the process that called
enter_namespaces() ends, in whatever way.
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
NETWORK = "10.77.0"
WAIT = 60 * int(os.environ.get("WAIT_FACTOR", "1"))  # seconds
ALWAYS = ["systemd-sysv", "iproute2", "curl", "logrotate", "procps"]


class Unable(Exception):
    """This machine does not allow what the test needs."""


def call(*command, **options):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert run.returncode == 0, f"{shlex.join(command)}: exit code {run.returncode}\n{run.stdout}"
    return run.stdout


def wait_for(what, condition):
    """Until condition() is true; what it says last is in the failure."""
    end = time.monotonic() + WAIT
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {WAIT} s for {what}"
        time.sleep(0.1)
    return value


def enter_namespaces():
    """Starts this program again as root, with mounts, network and processes of its own."""
    if os.environ.get("ACKGATE_NEWCOMER_INSIDE"):
        call("mount", "--make-rprivate", "/")
        return
    environment = dict(os.environ, ACKGATE_NEWCOMER_INSIDE="1")
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run(command + ["true"], capture_output=True).returncode != 0:
        raise Unable("no namespaces here: root on a machine, or a privileged container, is needed")
    command += [sys.executable] + sys.argv
    os.execvpe(command[0], command, environment)


def packages_needed_by(debs):
    """The first choice of each dependency, without versions."""
    names = []
    for deb in debs:
        depends = call("dpkg-deb", "-f", deb, "Depends")
        names += [re.split(r"[ |(]", part.strip())[0] for part in depends.split(",")]
    return names


def root_for(name, suite, packages):
    """A directory with that suite and those packages, made when it is not there."""
    root = f"{BUILD}/newcomer/{name}"
    wanted = ",".join(sorted(set(packages + ALWAYS)))
    stamp = root + ".packages"
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == wanted:
        return root
    os.makedirs(os.path.dirname(root), exist_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    call("mmdebstrap", "--variant=apt", "--aptopt=Acquire::Check-Valid-Until \"false\"", "--aptopt=Acquire::Retries \"3\"",
         "--include=" + wanted, suite, root)
    with open(stamp, "w", encoding="ascii") as file:
        file.write(wanted)
    return root


def start_network():
    call("ip", "link", "set", "lo", "up")
    call("ip", "link", "add", "lab", "type", "bridge")
    call("ip", "link", "set", "lab", "up")


def own_cgroup(name):
    """Called in the child: its services must not share a cgroup with another machine's."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"):
        if os.path.exists(top + "/cgroup.procs"):
            os.makedirs(f"{top}/{name}", exist_ok=True)
            with open(f"{top}/{name}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")


class Machine:
    """One machine. names: every machine's name, in the order of their addresses."""

    def __init__(self, name, root, names, lab, nspawn_options):
        self.name = name
        self.dir = f"{lab}/{name}"
        self.cgroup = f"ackgate-newcomer-{os.path.basename(lab)}-{name}"
        for part in ("upper", "work", "root"):
            os.makedirs(f"{self.dir}/{part}")
        call("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={root},upperdir={self.dir}/upper,workdir={self.dir}/work", self.dir + "/root")
        self.write("/etc/hostname", name + "\n")
        self.write("/etc/machine-id", "")
        self.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(
            f"{NETWORK}.{number} {other}\n" for number, other in enumerate(names, 1)))
        self.write("/etc/systemd/network/10-lab.network",
                   f"[Match]\nName=host0\n[Network]\nAddress={NETWORK}.{names.index(name) + 1}/24\n"
                   "LinkLocalAddressing=no\n")
        call("systemctl", "--root", self.dir + "/root", "enable", "systemd-networkd.service")
        self.nspawn_options = nspawn_options
        self.process = None
        self.leader = None

    def write(self, path, text):
        path = self.dir + "/root" + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def boot(self):
        command = ["systemd-nspawn", "--register=no", "--keep-unit", "--quiet", "--boot", "--machine=" + self.name,
                   "--directory=" + self.dir + "/root", "--network-bridge=lab", "--console=pipe",
                   "--resolv-conf=off", "--timezone=off"] + self.nspawn_options
        with open(self.dir + "/console", "w", encoding="utf-8") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=subprocess.STDOUT, preexec_fn=lambda: own_cgroup(self.cgroup))

    def wait_until_up(self):
        """A container that does not come up says something about this machine, not about ackgate."""
        try:
            wait_for(f"{self.name} to boot", self.find_leader)
            wait_for(f"{self.name} to be up", self.is_up)
        except AssertionError as problem:
            state = self.run_anyhow("systemctl is-system-running; systemctl --failed").stdout if self.leader else ""
            raise Unable(f"no container with systemd can be booted here: {problem}\n{state}\n"
                         + open(self.dir + "/console", encoding="utf-8").read()[-2000:]) from None

    def find_leader(self):
        """The container's first process."""
        assert self.process.poll() is None, f"systemd-nspawn ended with {self.process.returncode}"
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            self.leader = file.read().strip() or None
        return self.leader

    def is_up(self):
        """Degraded: something that this test does not need is not allowed here."""
        if self.run_anyhow("cat /etc/hostname").stdout.strip() != self.name:
            return False  # not in its own root yet
        return self.run_anyhow("systemctl is-system-running").stdout.strip() in ("running", "degraded")

    def run_anyhow(self, script):
        return subprocess.run(["nsenter", "--target", self.leader, "--all", "--root", "--wd", "env", "-i", "HOME=/root",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", "bash", "-euo", "pipefail", "-c", "cd; " + script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, script):
        run = self.run_anyhow(script)
        assert run.returncode == 0, f"on {self.name}, exit code {run.returncode}:\n{script}\n{run.stdout}"
        return run.stdout

    def look(self, script):
        """The same for a test's own looks: `refute COMMAND` where `set -e` would not notice that `! COMMAND` fails."""
        return self.run('refute() { if "$@"; then echo "not expected: $*"; return 1; fi; }\n' + script)

    def stop(self):
        if self.process is not None:
            if self.process.poll() is None and self.find_leader():
                os.kill(int(self.leader), signal.SIGKILL)  # and with it all that the machine runs
            self.process.kill()
            self.process.wait()
        for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"):
            wait_for(f"{self.name} to be gone", lambda top=top: remove_cgroup(f"{top}/{self.cgroup}"))


def remove_cgroup(top):
    """False while its processes are still ending."""
    for path, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return False
    return True
