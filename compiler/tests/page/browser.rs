//! A Chromium of its own for each page, driven through a pipe: no port is opened, nothing is downloaded, and it ends with
//! its whole process group when the test does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names of the program, as packages call it.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page open.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Profile and page.
    _folder: TempDir,
    session: Value,
    last: u64,
    complaints: Vec<Value>,
}

impl Browser {
    /// Opens `page` and waits until it is loaded.
    pub(crate) fn open(page: &str) -> Self {
        Self::start(page, true)
    }

    /// Opens `page` in a browser that runs no script of it.
    pub(crate) fn without_scripts(page: &str) -> Self {
        Self::start(page, false)
    }

    fn start(page: &str, scripts: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("page.html");
        std::fs::write(&file, page).expect("written");
        let (child, to, from) = launch(&folder);
        let mut browser = Self {
            child,
            to,
            from: BufReader::new(from),
            _folder: folder,
            session: Value::Null,
            last: 0,
            complaints: Vec::new(),
        };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.ask("Target.attachToTarget", attach)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser.ask(
            "Emulation.setScriptExecutionDisabled",
            json!({"value": !scripts}),
        );
        browser.ask(
            "Page.navigate",
            json!({"url": format!("file://{}", file.display())}),
        );
        while browser.read()["method"] != "Page.loadEventFired" {}
        browser
    }

    /// Sends a command and returns its result; what happens meanwhile is noted.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        let mut bytes = serde_json::to_vec(&message).expect("JSON");
        bytes.push(0);
        self.to.write_all(&bytes).expect("chromium reads");
        loop {
            let answer = self.read();
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from
            .read_until(0, &mut bytes)
            .expect("chromium answers");
        assert_eq!(bytes.pop(), Some(0), "chromium ended");
        let message: Value = serde_json::from_slice(&bytes).expect("JSON");
        let method = message["method"].as_str().unwrap_or_default();
        if [
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Page.javascriptDialogOpening",
        ]
        .contains(&method)
        {
            self.complaints.push(message["params"].clone());
        }
        message
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let result = self.ask("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Types text at the focus.
    pub(crate) fn insert(&mut self, text: &str) {
        self.ask("Input.insertText", json!({"text": text}));
    }

    /// Presses and releases a key.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Backspace" => 8,
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            key => panic!("{key} has no code here"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let params =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.ask("Input.dispatchKeyEvent", params);
        }
    }

    /// How often the browser complained: violations of the page's policy, errors, dialogs, words on the console.
    pub(crate) fn complaints(&mut self) -> usize {
        // What was reported before this answer has been read by now.
        self.eval("0");
        self.complaints.len()
    }

    /// Fails if the browser complained.
    pub(crate) fn no_complaints(&mut self) {
        let none = self.complaints();
        assert_eq!(none, 0, "{:#?}", self.complaints);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // If it has ended already there is nothing left to do.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _reaped = self.child.wait();
    }
}

/// Starts the browser in a process group of its own. It reads commands from descriptor 3 and writes to 4: a shell puts
/// the ends of our pipes there. One that hangs is ended, which the test then sees.
fn launch(folder: &TempDir) -> (Child, ChildStdin, ChildStdout) {
    let found = |program: &&&str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|path| path.join(program).is_file())
    };
    let program = PROGRAMS.iter().find(found);
    let program = program.unwrap_or_else(|| panic!("no Chromium on PATH: run ci/setup first"));
    let mut child = Command::new("sh")
        .args([
            "-c",
            "exec timeout -k 1 120 \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
            "sh",
            program,
        ])
        .args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
        ])
        // As root, in a container, there is no sandbox to be had; the page is ours and loads nothing.
        .args([
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args(["--proxy-server=127.0.0.1:9", "--window-size=1400,900"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell");
    let to = child.stdin.take().expect("piped");
    let from = child.stdout.take().expect("piped");
    (child, to, from)
}
