//! Child processes that always end: each run has a time limit, each server is stopped when it is dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Whether this is a run of CI, by the variable that its services set.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// How much of a program's output is kept for a message; a runaway program cannot fill memory.
const KEPT_OUTPUT: usize = 4 << 20;

/// How long a server may take to end by itself once it was asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// What a finished program left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// The output if the program succeeded, else a message with what it said.
    pub(crate) fn successful(self, what: &str) -> Result<String, String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        let said = format!("{}{}", self.stdout, self.stderr);
        Err(format!("{what} ended with {}:\n{}", self.status, last_lines(&said, 40)))
    }
}

/// The command as a person would type it.
pub(crate) fn typed(command: &Command) -> String {
    let root = crate::project::root();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| {
            let word = word.to_string_lossy();
            let prefix = format!("{}/", root.display());
            let short = word.strip_prefix(&prefix).unwrap_or(&word).to_owned();
            if short.contains(' ') { format!("'{short}'") } else { short }
        })
        .collect();
    words.join(" ")
}

/// Runs to the end with the output kept. `Err` says what went wrong if the program could not be started or
/// did not end within `limit`.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Finished, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let stdout = child.stdout.take().map(keep_in_background);
    let stderr = child.stderr.take().map(keep_in_background);
    let status = wait(child, limit);
    let text = |kept: Option<Kept>| kept.map(|kept| kept.text()).unwrap_or_default();
    match status {
        Some(status) => Ok(Finished { status, stdout: text(stdout), stderr: text(stderr) }),
        None => Err(format!(
            "`{}` did not end within {} s and was stopped. It had said:\n{}{}",
            typed(command),
            limit.as_secs(),
            last_lines(&text(stdout), 40),
            last_lines(&text(stderr), 40),
        )),
    }
}

/// Runs to the end with its output going straight to the terminal.
pub(crate) fn show(command: &mut Command, limit: Duration) -> Result<(), String> {
    println!("    $ {}", typed(command));
    let child = command.stdin(Stdio::null()).spawn().map_err(|error| cannot_start(command, &error))?;
    match wait(child, limit) {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{}` ended with {status}", typed(command))),
        None => Err(format!("`{}` did not end within {} s and was stopped", typed(command), limit.as_secs())),
    }
}

/// Runs silently unless it fails.
pub(crate) fn quietly(command: &mut Command, limit: Duration) -> Result<String, String> {
    let what = format!("`{}`", typed(command));
    capture(command, limit)?.successful(&what)
}

/// Whether a program of that name can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The last lines of a text, for messages.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| format!("{line}\n")).collect()
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start `{}`: {error}", typed(command))
}

/// Waits for the end; `None` when the limit came first and the child was killed.
fn wait(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    // A thread that waits is what tells us of the end without polling; it ends with the child.
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            // The other side is gone only if this program is ending.
            let _ = sender.send(status);
        }
    });
    match receiver.recv_timeout(limit) {
        Ok(status) => Some(status),
        Err(_) => {
            signal(pid, "KILL");
            let _ = receiver.recv_timeout(STOP_PATIENCE);
            None
        }
    }
}

/// Sends a signal to a child of ours that was not waited for yet.
fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: no package and no unsafe code needed. A child that ended meanwhile is no error.
    let _ = Command::new("sh").args(["-c", &format!("kill -{name} {pid} 2>/dev/null")]).status();
}

/// A pipe that a thread reads to its end, so that the child never blocks on it.
struct Kept {
    text: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

fn keep_in_background(mut pipe: impl Read + Send + 'static) -> Kept {
    let text = Arc::new(Mutex::new(Vec::new()));
    let (sender, ended) = mpsc::channel::<()>();
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        let _held_until_the_end = sender;
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            if let Ok(mut text) = shared.lock() {
                let room = KEPT_OUTPUT.saturating_sub(text.len()).min(count);
                text.extend_from_slice(&buffer[..room]);
            }
        }
    });
    Kept { text, ended }
}

impl Kept {
    /// All that came. A grandchild may hold the pipe open after the child's end: it is not waited for long.
    fn text(&self) -> String {
        let _ = self.ended.recv_timeout(STOP_PATIENCE);
        self.so_far()
    }

    fn so_far(&self) -> String {
        self.text.lock().map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }
}

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    watchdog: Option<Child>,
    typed: String,
    stderr: Kept,
    /// The line that said that it is ready.
    pub(crate) ready_line: String,
}

impl Server {
    /// Starts it and waits for a line on its standard output that contains `ready`.
    pub(crate) fn start(command: &mut Command, ready: &str, limit: Duration) -> Result<Self, String> {
        let (mut server, lines) = Self::spawn(command)?;
        let deadline = Instant::now() + limit;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(ready) => {
                    server.ready_line = line;
                    return Ok(server);
                }
                Ok(_) => {}
                Err(cause) => {
                    let why = match cause {
                        RecvTimeoutError::Timeout => format!("was not ready within {} s", limit.as_secs()),
                        RecvTimeoutError::Disconnected => {
                            let _ = server.stderr.ended.recv_timeout(STOP_PATIENCE);
                            "ended before it was ready".to_owned()
                        }
                    };
                    return Err(server.failure(&why));
                }
            }
        }
    }

    /// Starts it, with the lines of its standard output as they come.
    fn spawn(command: &mut Command) -> Result<(Self, Receiver<String>), String> {
        let typed = typed(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_start(command, &error))?;
        let stdout = child.stdout.take();
        let (Some(stdout), Some(stderr)) = (stdout, child.stderr.take()) else {
            return Err(format!("`{typed}` has no output to read"));
        };
        let stderr = keep_in_background(stderr);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Once nobody listens the lines are still read, so that the server never blocks.
                let _ = sender.send(line);
            }
        });
        let watchdog = watch(child.id());
        Ok((Self { child, watchdog, typed, stderr, ready_line: String::new() }, lines))
    }

    /// Starts one that says nothing when it is ready, and waits until something listens on its port of the loopback
    /// interface.
    pub(crate) fn start_on(command: &mut Command, port: u16, limit: Duration) -> Result<Self, String> {
        /// Accepting connections is all that such a server shows of its being ready.
        const LOOK_AGAIN: Duration = Duration::from_millis(20);
        let mut server = Self::spawn(command)?.0;
        let deadline = Instant::now() + limit;
        while std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).is_err() {
            if !server.is_running() {
                let _ = server.stderr.ended.recv_timeout(STOP_PATIENCE);
                return Err(server.failure("ended before it was ready"));
            }
            if Instant::now() > deadline {
                return Err(server.failure(&format!("was not ready within {} s", limit.as_secs())));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(server)
    }

    /// A message that names the server and holds what it wrote to its standard error so far.
    pub(crate) fn failure(&self, why: &str) -> String {
        format!("server `{}` {why}. It had said:\n{}", self.typed, last_lines(&self.said(), 40))
    }

    /// What it wrote to its standard error so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.so_far()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Ends a process when this one is gone, however it went: a shell waits for the end of a pipe that only we hold.
fn watch(pid: u32) -> Option<Child> {
    let script = format!("read -r _; kill -KILL {pid} 2>/dev/null");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Without a shell there is no watchdog; dropping still ends the server.
    shell.spawn().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            // First, while the number is still the server's.
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
        if self.is_running() {
            signal(self.child.id(), "TERM");
            // Its standard error ends with it. One that ignores the request is killed.
            let _ = self.stderr.ended.recv_timeout(STOP_PATIENCE);
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
