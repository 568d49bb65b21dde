#!/usr/bin/env python3
"""What can be checked of the documents without running anything: manual pages that format without a warning and
know every option of --help, links that lead somewhere, files of the repository that are named and exist, targets of
make that are listed, and what installing and uninstalling leave behind. test/newcomer runs the commands in them. Ends with `N passed, N failed`.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build")
MANUALS = ["docs/man/ackgate.8", "docs/man/ackgate-recover.8", BUILD + "/man/ackgate.cnf.5"]
TEXTS = ["README.md", "test/lib/README.md"] + sorted(glob.glob("docs/*.md")) + sorted(glob.glob("*/README.md"))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def manual_pages_format_without_a_warning():
    for page in MANUALS:
        run = subprocess.run(["groff", "-k", "-mandoc", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
        assert run.returncode == 0 and not run.stderr, run.stderr


def manual_pages_know_every_option():
    for program, page in (("ackgate", MANUALS[0]), ("ackgate-recover", MANUALS[1])):
        text = subprocess.run([f"{BUILD}/{program}", "--help"], capture_output=True, text=True, check=True).stdout
        options = set(re.findall(r"--([a-z-]+)", text))
        assert len(options) > 3, text
        missing = [option for option in options if f"Fl -{option}" not in read(page)]
        assert not missing, f"{page} lacks --{', --'.join(missing)}"


def recover_options_are_in_the_manual_page():
    keys = re.findall(r"^#?([a-z_]+) =", read("conf/ackgate-recover.cnf"), re.M)
    assert len(keys) > 10
    missing = [key for key in keys if f"Fl -{key.replace('_', '-')}" not in read(MANUALS[1])]
    assert not missing, f"{MANUALS[1]} lacks {missing}"


def headings(text):
    """GitHub's anchors."""
    lines = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def links_lead_somewhere():
    for text in TEXTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", read(text)):
            if link.startswith(("http://", "https://")):
                continue
            path, _, anchor = link.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(text), path)) if path else text
            assert os.path.exists(path), f"{text}: {link} leads nowhere"
            assert not anchor or anchor in headings(read(path)), f"{text}: no heading for {link}"


def files_that_are_named_exist():
    for text in TEXTS:
        for path in re.findall(r"`((?:docs|conf|test|proxy|recovery|protocol)/[\w./*-]+)`", read(text)):
            assert glob.glob(path) or path.endswith("_*.c"), f"{text} names {path}"


def targets_of_make_are_listed():
    listed = subprocess.run(["make", "-s", "help"], capture_output=True, text=True, check=True).stdout
    for text in TEXTS:
        for target in re.findall(r"`(?:sudo )?make ([a-z-]+)(?![a-z/-])", read(text)):
            assert f"make {target} " in listed, f"{text} names make {target}, make help does not"


def files_under(top):
    return {os.path.relpath(os.path.join(path, name), top) for path, _, names in os.walk(top) for name in names}


def install_keeps_a_config_and_uninstall_leaves_only_that():
    with tempfile.TemporaryDirectory() as top:
        make = ["make", "-s", "BUILD=" + BUILD, "DESTDIR=" + top, "PREFIX=/opt/ackgate"]
        subprocess.run(make + ["install"], capture_output=True, check=True)
        assert {"opt/ackgate/sbin/ackgate", "opt/ackgate/sbin/ackgate-recover", "opt/ackgate/share/man/man5/ackgate.cnf.5",
                "opt/ackgate/lib/systemd/system/ackgate.service"} <= files_under(top), files_under(top)
        assert "ExecStart=/opt/ackgate/sbin/ackgate " in read(top + "/opt/ackgate/lib/systemd/system/ackgate.service")
        config = top + "/etc/ackgate/ackgate.cnf"
        assert os.stat(config).st_mode & 0o777 == 0o600
        with open(config, "w", encoding="ascii") as file:
            file.write("mine")
        subprocess.run(make + ["install"], capture_output=True, check=True)
        assert read(config) == "mine"
        subprocess.run(make + ["uninstall"], capture_output=True, check=True)
        left = files_under(top)
        assert left == {"etc/ackgate/ackgate.cnf", "etc/ackgate/ackgate-recover.cnf"}, left


def main():
    checks = [manual_pages_format_without_a_warning, manual_pages_know_every_option, recover_options_are_in_the_manual_page,
              links_lead_somewhere, files_that_are_named_exist, targets_of_make_are_listed,
              install_keeps_a_config_and_uninstall_leaves_only_that]
    failed = 0
    for check in checks:
        try:
            check()
        except (AssertionError, OSError, subprocess.CalledProcessError) as problem:
            failed += 1
            print(f"{check.__name__}: {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
