//! A server without a file descriptor left. The test runs in a process of its own, whose limit is set by the shell.

mod support;

use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carom::codec::BytesCodec;
use carom::server::Method;
use carom::{Code, Request, Response};
use tokio::net::TcpStream;

use support::{Client, serve, soon};

/// Descriptors that the server may have: its own few, and some connections.
const DESCRIPTORS: usize = 40;
const ROLE: &str = "CAROM_TEST_FEW_DESCRIPTORS";

/// Serves until its standard input ends. Nothing when it is run as an ordinary test.
#[tokio::test]
async fn server_with_few_descriptors() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let echo = Method::unary("Echo", BytesCodec, |request: Request<Bytes>| async move {
        Ok(Response::new(request.into_inner()))
    });
    let (_server, addr) = serve(vec![echo]);
    println!("\nlistening {addr}");
    io::stdout().flush().unwrap();
    let until = tokio::task::spawn_blocking(|| io::stdin().lines().for_each(drop));
    until.await.unwrap();
}

/// Milliseconds of processor time that a process has taken.
fn processor_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time, in ticks of 10 ms.
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn running_out_of_descriptors_is_waited_out() {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" --exact server_with_few_descriptors --nocapture"),
        ])
        .arg(program)
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (pid, stdin) = (child.id(), child.stdin.take());
    let mut lines = io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let addr = lines.find_map(|line| line.strip_prefix("listening ")?.parse().ok());
    // Whatever happens, the child goes with the end of its input.
    let outcome = tokio::spawn(async move {
        let addr = addr.expect("the server starts");
        let mut first = Client::connect(addr).await;
        assert_eq!(first.unary("Echo", b"x").await.status.code(), Code::Ok);
        // Twice as many as fit: the kernel takes them all, the server cannot.
        let mut others = Vec::new();
        for _ in 0..DESCRIPTORS * 2 {
            others.push(TcpStream::connect(addr).await.unwrap());
        }
        let (begun, before) = (Instant::now(), processor_time(pid));
        while begun.elapsed() < Duration::from_millis(700) {
            assert_eq!(first.unary("Echo", b"x").await.status.code(), Code::Ok, "those who are in go on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let taken = processor_time(pid) - before;
        assert!(taken < 300, "{taken} ms of processor time in 700 ms: it tries without a pause");
        drop(others);
        let mut late = soon(Client::connect(addr)).await;
        assert_eq!(late.unary("Echo", b"y").await.status.code(), Code::Ok, "there is room again");
    })
    .await;
    drop(stdin);
    child.wait().unwrap();
    outcome.unwrap();
}
