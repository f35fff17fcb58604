//! Floods of connections, and descriptors that run out.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use carom_wire::frame::{ErrorCode, PREFACE, kind};

use crate::attacker::Attacker;
use crate::siege::{Bounds, KIB, MIB, Siege, soon};

/// A connection on which nothing happens after its SETTINGS.
fn idle(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(&[&PREFACE[..], &[0, 0, 0, kind::SETTINGS, 0, 0, 0, 0, 0]].concat())?;
    Ok(stream)
}

async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn more_connections_than_are_allowed() {
    const ALLOWED: usize = 9;
    let siege = Siege::against(|builder| builder.max_connections(Some(ALLOWED))).await;
    let mut crowd: Vec<_> = (0..100).map(|_| idle(siege.addr).unwrap()).collect();
    until(|| siege.server.connections() == ALLOWED).await;
    siege.quiet(Duration::from_millis(300)).await;
    assert_eq!(siege.server.connections(), ALLOWED);
    siege.hold(&Bounds { memory: MIB, cpu: Duration::from_secs(1) }).await;
    // Who is one too many is told so, and does not wait.
    let mut refused = Attacker::connect(siege.addr).await;
    assert_eq!(refused.ended().await, Some(ErrorCode::ENHANCE_YOUR_CALM));
    // When others have left there is room.
    crowd.clear();
    until(|| siege.server.connections() == 1).await;
    let mut late = Attacker::connect(siege.addr).await;
    let stream = late.call("Say", b"my turn").await;
    assert_eq!(late.outcome(stream).await, "13");
    drop(late);
    siege.end(&Bounds { memory: MIB, cpu: Duration::from_secs(2) }).await;
}

#[tokio::test]
async fn idle_connections_cost_little() {
    const CROWD: usize = 300;
    let siege = Siege::begin().await;
    let crowd: Vec<_> = (0..CROWD).map(|_| idle(siege.addr).unwrap()).collect();
    until(|| siege.server.connections() == CROWD + 1).await;
    siege.quiet(Duration::from_millis(300)).await;
    drop(crowd);
    siege.end(&Bounds { memory: CROWD * 12 * KIB, cpu: Duration::from_secs(2) }).await;
}

/// Runs again in a process that has few descriptors.
#[tokio::test]
async fn descriptors_run_out() {
    const CHILD: &str = "CAROM_FEW_DESCRIPTORS";
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new("sh")
            .args(["-c", "ulimit -n 80 && exec \"$0\" --exact connections::descriptors_run_out"])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
        return;
    }
    let siege = Siege::begin().await;
    let mut crowd = Vec::new();
    // Each takes a descriptor at both ends, which are in one process here.
    let error = loop {
        match idle(siege.addr) {
            Ok(stream) => crowd.push(stream),
            Err(error) => break error,
        }
        assert!(crowd.len() < 80);
    };
    assert_eq!(error.raw_os_error(), Some(24 /* EMFILE on Linux */), "{error}");
    // Those that the server could not take are waiting; it must not run in circles for them.
    siege.quiet(Duration::from_millis(1500)).await;
    assert!(siege.server.connections() < crowd.len() + 1, "all {} were taken", crowd.len());
    drop(crowd);
    let mut late = Attacker::connect(siege.addr).await;
    let stream = late.call("Say", b"back").await;
    assert_eq!(late.outcome(stream).await, "13");
    drop(late);
    siege.end(&Bounds { memory: MIB, cpu: Duration::from_secs(1) }).await;
}
