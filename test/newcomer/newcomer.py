#!/usr/bin/env python3
"""The newcomer's run: fresh Debian 12 machines, a source and a replica that are in use, ackgate's packages, and nothing
but docs/operations.md: every command block in it is executed where it says, in its order (guide.py). After each
section this looks whether what the section promises has come true, while an application goes on writing.

newcomer.py [mysql|mariadb]…; SERVER= as for the other tests. Needs root, and a kernel that lets it boot containers;
says so and passes nothing where it cannot. CK_VERBOSITY=verbose shows what each block printed. Ends with `N passed, N failed`.
"""
import glob
import os
import shutil
import sys
import tempfile
import threading
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from existing import APP_PASSWORD, Application, Family, set_up
from guide import read_guide
from machine import BUILD, Machine, Unable, call, enter_namespaces, packages_needed_by, root_for, start_network, wait_for

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/operations.md")
NAMES = ["gate", "db1", "db2", "db3"]
ADMIN = "mariadb --skip-ssl -h gate -P 3318 -u admin -padmin-secret"


def packages():
    debs = sorted(glob.glob(BUILD + "/ackgate*.deb"))
    assert len(debs) == 2, f"make deb has not been run: {debs}"
    return debs


class Run:
    def __init__(self, family, root, lab):
        self.family, self.lab = Family(family), lab
        self.machines = {name: Machine(name, root, NAMES, lab, self.family.binds if name != "gate" else [])
                         for name in NAMES}
        self.gate, self.db1, self.db2, self.db3 = (self.machines[name] for name in NAMES)
        self.application = None
        self.passed = 0

    # ---- getting there

    def boot(self):
        for machine in self.machines.values():
            call("systemctl", "--root", machine.dir + "/root", "disable", "mariadb.service")
            machine.boot()
        for machine in self.machines.values():
            machine.wait_until_up()
        for deb in packages():
            place = self.db1 if "recover" in deb else self.gate
            shutil.copy(deb, place.dir + "/root/root/")
        set_up(self.family, self.db1, self.db2, self.db3)
        self.application = Application(self.family, self.db3)

    def end(self):
        if self.application is not None:
            self.application.is_ended = True
        for machine in self.machines.values():
            machine.stop()

    # ---- the guide

    def type_in(self, block):
        for place in block.places:
            if block.family not in (None, self.family.name):
                continue
            if place == "the admin port":
                said = self.gate.run(f"{ADMIN} --table <<'ackgate-end'\n{block.text}\nackgate-end")
            elif block.is_sql:
                said = self.family.sql(self.machines[place], block.text)
            else:
                said = self.machines[place].run(block.text)
            if os.environ.get("CK_VERBOSITY") == "verbose":
                print(f"--- on {place}\n{block.text}---\n{said}")

    def follow(self):
        sections = read_guide(GUIDE)
        titles = [section.title for section in sections]
        missing = [title for title in list(BEFORE) + list(AFTER) if title not in titles]
        assert not missing, f"docs/operations.md has no section {missing}"
        for section in sections:
            if section.title in BEFORE:
                BEFORE[section.title](self)
            blocks = [block for block in section.blocks if block.places]
            for block in blocks:
                try:
                    self.type_in(block)
                except AssertionError as problem:
                    raise AssertionError(f"docs/operations.md:{block.line}: {problem}") from None
            if section.title in AFTER:
                AFTER[section.title](self)
            if blocks or section.title in AFTER:
                self.passed += 1
                print(f"  {self.family.name}: {section.title}", flush=True)

    # ---- looking

    def admin(self, sql):
        return self.gate.run(f'{ADMIN} --batch --skip-column-names -e "{sql}"').strip()

    def admin_anyhow(self, sql):
        return self.gate.run_anyhow(f'{ADMIN} --batch --skip-column-names -e "{sql}"').stdout.strip()

    def wait_for_admin(self, sql, expected):
        seen = []

        def is_there():
            seen[:] = [self.admin_anyhow(sql)]
            return seen[0] == expected
        try:
            wait_for(f"{sql} to be {expected}", is_there)
        except AssertionError as problem:
            raise AssertionError(f"{problem}, it is {seen}, {self.admin_anyhow('SELECT state, reason FROM source')}") from None

    def wait_until_open(self):
        self.wait_for_admin("SELECT state FROM source", "open")

    def wait_for_all_orders(self, *machines):
        for machine in machines:
            wait_for(f"all orders on {machine.name}",
                     lambda machine=machine: self.application.confirmed <= self.family.orders(machine))


# ---- what each section promises

def installed(run):
    run.gate.look("""
        test "$(systemctl is-enabled ackgate)" = disabled
        test "$(systemctl is-active ackgate)" = inactive
        test "$(stat -c '%U:%G %a' /etc/ackgate/ackgate.cnf)" = "root:ackgate 640"
        test "$(stat -c '%U:%G %a' /var/lib/ackgate)" = "ackgate:ackgate 700"
        test "$(stat -c '%U:%G %a' /var/log/ackgate)" = "ackgate:adm 750"
        systemd-analyze verify --man=no ackgate.service
        systemd-analyze security --threshold=20 ackgate.service
        test "$(ackgate --version)" = "ackgate $(dpkg-query -f '${Version}' -W ackgate)"
        dpkg --verify ackgate""")


def started(run):
    run.gate.run("test $(systemctl is-active ackgate) = active")
    run.wait_for_admin("SELECT state, semi_sync FROM source", "recovering\toff")
    run.application.wait_for_orders()  # the source does not wait


def moved(run):
    run.wait_for_admin("SELECT name, role, state FROM replicas", "db2\tvoter\tstreaming")
    run.wait_until_open()
    run.wait_for_all_orders(run.db2)


def applications_moved(run):
    assert not run.application.failures, run.application.failures
    run.application.move_to("gate", 3316)
    run.application.wait_for_orders()


def source_waits(run):
    run.wait_until_open()
    run.application.wait_for_orders()
    assert run.family.sql(run.db1, f"SELECT @@{run.family.semi_sync}").strip() == "1"
    run.wait_for_admin("SELECT semi_sync FROM source", "required")


def source_crashes(run):
    """Nobody has the last order, and the source dies: systemd starts it again, without that order."""
    before = len(run.application.failures)
    run.family.sql(run.db2, run.family.stop_receiver)
    run.wait_for_admin("SELECT count(*) FROM waiting", "1")
    run.db1.run(f"systemctl kill --kill-who=main --signal=KILL {run.family.unit}")
    wait_for("the order's client to hear of it", lambda: len(run.application.failures) > before)
    wait_for("the source to be started again", lambda: run.db1.run_anyhow(
        f"systemctl is-active {run.family.unit}").stdout.strip() == "active")
    run.wait_for_admin("SELECT count(*) FROM discarded", "1")
    run.family.sql(run.db2, run.family.start_receiver)
    run.wait_until_open()
    run.application.wait_for_orders()
    source_crashes_alone(run)


def source_crashes_alone(run):
    """The source dies while ackgate is away: systemd does not start it, and its binlog stays as it is."""
    unit, config = run.family.unit, "/etc/ackgate/ackgate-recover.cnf"
    binlogs = "cd /var/lib/mysql; sha256sum *.[0-9][0-9][0-9][0-9][0-9][0-9] *.index"
    run.gate.run("systemctl stop '*ackgate*.socket' ackgate")
    run.db1.run(f"cp -p {config} kept; echo 'timeout = 1s' >> {config}")
    run.db1.run(f"systemctl kill --kill-who=main --signal=KILL {unit}")
    wait_for("systemd to give the source up", lambda: run.db1.run_anyhow(
        f"systemctl is-active {unit}").stdout.strip() == "failed")
    before = run.db1.run(binlogs)
    run.db1.look(f"refute systemctl start {unit}; test $(systemctl show -P MainPID {unit}) = 0")
    assert run.db1.run(binlogs) == before, "the source's binlog has changed"
    assert "ackgate-recover: " in run.db1.run(f"journalctl --no-pager -u {unit} -n 20")
    run.db1.run(f"mv kept {config}; systemctl reset-failed {unit}")
    run.gate.run("systemctl start ackgate")
    run.db1.run(f"systemctl start {unit}")
    run.wait_until_open()
    run.application.wait_for_orders()


def added(run):
    run.wait_for_admin("SELECT role, state FROM replicas WHERE name = 'db3'", "voter\tstreaming")
    run.wait_until_open()
    run.wait_for_all_orders(run.db2, run.db3)


def quorum_changed(run):
    run.wait_for_admin("SELECT rule FROM quorum", "ANY 1 (db2, db3)")
    run.family.sql(run.db2, run.family.stop_receiver)
    run.application.wait_for_orders()
    run.family.sql(run.db2, run.family.start_receiver)


def removed(run):
    run.wait_for_admin("SELECT rule FROM quorum", "ANY 1 (db3)")
    run.wait_for_admin("SELECT count(*) FROM replicas WHERE name = 'db2'", "0")
    run.wait_for_admin("SELECT count(*) FROM replicas WHERE role = 'observer' AND server_id = 2", "1")
    run.wait_until_open()
    run.application.wait_for_orders()


def looked_at(run):
    run.gate.look("""
        grep -q '^ackgate_' metrics.txt
        grep -q confirm journal.txt
        journalctl -u ackgate -p warning --output=cat > warnings.txt
        grep -q '^warn  quorum: ' warnings.txt
        refute grep -q '^info' warnings.txt""")


def service_behaves(run):
    """A reload with mistakes fails, a hanging loop is ended, a rotated log goes on."""
    run.gate.look("""
        cp -p /etc/ackgate/ackgate.cnf good
        echo 'no_such_key = 1' >> /etc/ackgate/ackgate.cnf
        refute systemctl reload ackgate
        test $(systemctl is-active ackgate) = active
        cp -p good /etc/ackgate/ackgate.cnf
        printf '[ackgate]\\nlog_file = /var/log/ackgate/ackgate.log\\n' >> /etc/ackgate/ackgate.cnf
        mkdir /run/systemd/system/ackgate.service.d
        printf '[Service]\\nWatchdogSec=2\\n' > /run/systemd/system/ackgate.service.d/short.conf
        systemctl daemon-reload
        systemctl restart ackgate
        kill -STOP $(systemctl show -P MainPID ackgate)""")
    wait_for("the watchdog to end ackgate", lambda: run.gate.run("systemctl show -P NRestarts ackgate").strip() == "1")
    wait_for("ackgate to be back", lambda: run.gate.run_anyhow("systemctl is-active ackgate").stdout.strip() == "active")
    run.gate.run("logrotate --force /etc/logrotate.d/ackgate; systemctl reload ackgate")
    wait_for("lines in the new log", lambda: "read /etc/ackgate/ackgate.cnf again" in
             run.gate.run("cat /var/log/ackgate/ackgate.log"))
    run.gate.look("""
        grep -q 'ackgate ready' /var/log/ackgate/ackgate.log.1
        rm /run/systemd/system/ackgate.service.d/short.conf
        systemctl daemon-reload
        cp -p good /etc/ackgate/ackgate.cnf
        systemctl restart ackgate""")
    run.wait_until_open()
    run.application.wait_for_orders()


def pauses(run):
    """Who comes while ackgate is stopped is served by the next one."""
    run.wait_until_open()
    before = run.gate.run("systemctl show -P InvocationID ackgate").strip()
    run.gate.run("systemctl stop ackgate")
    said = run.gate.run(f"mariadb --skip-ssl -h gate -P 3316 -u app -p{APP_PASSWORD} -N -e 'SELECT 42'")
    assert said.strip() == "42", said
    assert run.gate.run("systemctl show -P InvocationID ackgate").strip() != before
    run.gate.run("journalctl -u ackgate | grep '0.0.0.0:3316 was handed over' > handed-over.txt")
    run.application.wait_for_orders()


def newer_package(run):
    """The same, with a higher version."""
    run.gate.look("""
        sha256sum /etc/ackgate/ackgate.cnf > before
        systemctl show -P InvocationID ackgate > invocation
        dpkg-deb -R ackgate_*.deb unpacked
        rm ackgate_*.deb
        sed -i 's/^Version: .*/Version: 99.0/' unpacked/DEBIAN/control
        dpkg-deb --root-owner-group -b unpacked ackgate_99.0_amd64.deb""")


def upgraded(run):
    run.gate.look("""
        test "$(dpkg-query -f '${Version}' -W ackgate)" = 99.0
        sha256sum --check before
        test "$(systemctl show -P InvocationID ackgate)" != "$(cat invocation)"
        test $(systemctl is-enabled ackgate) = enabled""")
    run.wait_until_open()
    run.application.wait_for_orders()


def taken_out(run):
    run.application.move_to("db1", 3306)
    run.application.wait_for_orders()
    run.application.end()
    run.wait_for_all_orders(run.db1, run.db2, run.db3)
    lost = run.application.confirmed - run.family.orders(run.db1)
    assert not lost, f"confirmed, and not on the source: {lost}"
    run.gate.look("""
        refute systemctl cat ackgate
        refute pgrep -x ackgate
        for gone in /etc/ackgate /var/lib/ackgate /var/log/ackgate /usr/sbin/ackgate /etc/logrotate.d/ackgate; do
            refute test -e $gone
        done
        getent passwd ackgate""")
    run.db1.look(f"refute test -e /etc/ackgate; systemctl restart {run.family.unit}")


BEFORE = {"Upgrading": newer_package}
AFTER = {
    "Installing": installed,
    "3. Start": started,
    "4. Move the replica": moved,
    "5. The applications": applications_moved,
    "6. Let the source wait": source_waits,
    "7. The source's host": source_crashes,
    "Adding a replica": added,
    "Changing the quorum": quorum_changed,
    "Removing a replica": removed,
    "Every day": looked_at,
    "Stopping, starting, reloading": service_behaves,
    "A restart that is a pause": pauses,
    "Upgrading": upgraded,
    "Taking ackgate out again": taken_out,
}


def tell_state(run):
    for machine, unit in ((run.gate, "ackgate"), (run.db1, run.family.unit), (run.db2, run.family.unit)):
        if machine.leader is not None:
            print(f"--- {machine.name}: {unit}\n" + machine.run_anyhow(f"journalctl --no-pager -u {unit} -n 40").stdout)
    if run.application is not None:
        print("--- application:", len(run.application.confirmed), "orders;", run.application.failures[-5:])


def run_family(family, root):
    lab = tempfile.mkdtemp(prefix="ackgate-newcomer-")
    call("mount", "-t", "tmpfs", "tmpfs", lab)
    run = Run(family, root, lab)
    try:
        run.boot()
        run.follow()
        return run.passed, 0
    except AssertionError as problem:
        traceback.print_exc(limit=-3)
        print(problem)
        tell_state(run)
        return run.passed, 1
    finally:
        run.end()
        call("umount", "--recursive", "--lazy", lab)
        os.rmdir(lab)


def main():
    chosen = os.environ.get("SERVER", "both")
    families = sys.argv[1:] or (["mysql", "mariadb"] if chosen == "both" else [chosen])
    passed, failed = 0, 0
    try:
        if os.geteuid() != 0:
            if shutil.which("sudo") is None:
                raise Unable("neither root nor sudo")
            os.execvp("sudo", ["sudo", "--preserve-env=BUILD,SERVER,WAIT_FACTOR,CK_VERBOSITY", sys.executable] + sys.argv)
        root = root_for("bookworm", "bookworm", ["mariadb-server", "mariadb-client"] + packages_needed_by(packages()))
        enter_namespaces()
        start_network()
        for family in families:
            family_passed, family_failed = run_family(family, root)
            passed, failed = passed + family_passed, failed + family_failed
    except Unable as why:
        print(f"not run: {why}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
