use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn output_and_exit_code_are_kept() {
    let finished = capture(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(20)).unwrap();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.status.code(), Some(3));
    let message = finished.successful("the script").unwrap_err();
    assert!(message.starts_with("the script ended with exit status: 3"), "{message}");
    assert!(message.contains("err"), "{message}");
}

#[test]
fn a_program_that_does_not_end_is_stopped_and_named() {
    let start = Instant::now();
    let message = capture(&mut shell("echo begun; exec sleep 60"), Duration::from_millis(300)).err().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(message.contains("did not end within"), "{message}");
    assert!(message.contains("begun"), "{message}");
}

#[test]
fn a_program_that_is_missing_is_named() {
    let message = capture(&mut Command::new("no-such-program-here"), Duration::from_secs(20)).err().unwrap();
    assert!(message.contains("no-such-program-here"), "{message}");
}

#[test]
fn a_server_is_ready_when_it_says_so_and_ends_when_it_is_dropped() {
    let mut command = shell("echo first; echo listening on 1234; exec sleep 60");
    let mut server = Server::start(&mut command, "listening on ", Duration::from_secs(20)).unwrap();
    assert_eq!(server.ready_line, "listening on 1234");
    assert!(server.is_running());
    let process = format!("/proc/{}", server.child.id());
    drop(server);
    assert!(!std::path::Path::new(&process).exists());
}

#[test]
fn a_server_that_ignores_the_request_to_end_is_killed() {
    let mut command = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    let server = Server::start(&mut command, "ready", Duration::from_secs(20)).unwrap();
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_that_ends_too_early_is_told_with_what_it_said() {
    let mut command = shell("echo no port >&2; exit 1");
    let message = Server::start(&mut command, "ready", Duration::from_secs(20)).err().unwrap();
    assert!(message.contains("ended before it was ready"), "{message}");
    assert!(message.contains("no port"), "{message}");
}

#[test]
fn a_server_that_is_never_ready_is_not_waited_for() {
    let mut command = shell("exec sleep 60");
    let message = Server::start(&mut command, "ready", Duration::from_millis(300)).err().unwrap();
    assert!(message.contains("was not ready within"), "{message}");
}

#[test]
fn the_end_of_our_pipe_ends_a_watched_process() {
    let mut watched = shell("exec sleep 60").spawn().unwrap();
    let mut watchdog = watch(watched.id()).unwrap();
    assert!(watched.try_wait().unwrap().is_none());
    drop(watchdog.stdin.take());
    watchdog.wait().unwrap();
    assert!(!watched.wait().unwrap().success());
}
