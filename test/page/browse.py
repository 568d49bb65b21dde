#!/usr/bin/env python3
"""Looks at a page in headless Chromium: browse.py URL WIDTH EXPRESSION [SCREENSHOT]

Opens the page in a window of that width and evaluates the JavaScript expression until it gives something true,
which is printed as text. Exits 1, with what the expression gave last and how the page reads, when it does not
within the time (TIMEOUT seconds, default 30), and when the page has thrown an exception or has been refused
something by its Content-Security-Policy. Speaks the DevTools protocol over a pipe; needs nothing but Python.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

POLL_S = 0.2


class Browser:
    def __init__(self, program, profile):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def place_pipes():  # the browser reads commands from 3 and writes answers to 4
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--hide-scrollbars", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_pipes, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.last_id = 0
        self.complaints = []

    def read(self):
        while b"\0" not in self.buffer:
            data = os.read(self.input, 1 << 16)
            if not data:
                raise SystemExit("the browser has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def note(self, message):
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and params["entry"]["source"] in ("security", "javascript"):
            self.complaints.append(params["entry"]["text"])

    def call(self, method, session=None, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") != self.last_id:
                self.note(answer)
            elif "error" in answer:
                raise SystemExit(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def end(self):
        self.process.kill()
        self.process.wait()


def look(browser, url, width, expression, screenshot):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log"):
        browser.call(f"{domain}.enable", session)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=900, deviceScaleFactor=1,
                 mobile=width < 600)
    browser.call("Page.navigate", session, url=url)
    until = time.monotonic() + float(os.environ.get("TIMEOUT", "30"))
    value = None
    while not value and time.monotonic() < until:
        time.sleep(POLL_S)
        result = browser.call("Runtime.evaluate", session, expression=expression, returnByValue=True)
        value = result["result"].get("value")
        if "exceptionDetails" in result:
            value = None
    if screenshot:
        import base64
        data = browser.call("Page.captureScreenshot", session, captureBeyondViewport=True)["data"]
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(data))
    if not value:
        text = browser.call("Runtime.evaluate", session, expression="document.body.innerText")["result"].get("value")
        print(f"the page does not satisfy {expression}; it reads:\n{text}")
    for complaint in browser.complaints:
        print(f"the page complains: {complaint}")
    print(value)
    return bool(value) and not browser.complaints


def main():
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="ackgate-browser-", ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            is_fine = look(browser, sys.argv[1], int(sys.argv[2]), sys.argv[3],
                           sys.argv[4] if len(sys.argv) > 4 else None)
        finally:
            browser.end()
    sys.exit(0 if is_fine else 1)


main()
