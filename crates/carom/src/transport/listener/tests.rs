use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;

fn tcp(addr: &str) -> ListenAddr {
    ListenAddr::Tcp(addr.parse().unwrap())
}

fn port_of(listener: &Listener) -> u16 {
    listener.local_addr().unwrap().socket_addr().unwrap().port()
}

#[tokio::test]
async fn a_taken_port_is_an_error_unless_shared() {
    let first = Listener::bind(&tcp("127.0.0.1:0"), ListenOptions::default()).unwrap();
    let addr = ListenAddr::Tcp(first.local_addr().unwrap().socket_addr().unwrap());
    let error = Listener::bind(&addr, ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);

    let shared = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let first = Listener::bind(&tcp("127.0.0.1:0"), shared).unwrap();
    let addr = ListenAddr::Tcp(first.local_addr().unwrap().socket_addr().unwrap());
    Listener::bind(&addr, shared).unwrap();
}

#[tokio::test]
async fn the_ipv6_wildcard_takes_ipv4() {
    let listener = Listener::bind(&tcp("[::]:0"), ListenOptions::default()).unwrap();
    let port = port_of(&listener);
    let (connected, (accepted, peer)) =
        tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
    connected.unwrap();
    assert!(peer.to_uri().starts_with("ipv4:127.0.0.1:"), "{}", peer.to_uri());
    let Socket::Tcp(stream) = accepted else { panic!("not TCP") };
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn unix_sockets_come_and_go_with_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let addr = ListenAddr::from(path.clone());
    let listener = Listener::bind(&addr, ListenOptions::default()).unwrap();
    let (connected, (accepted, _)) = tokio::join!(UnixStream::connect(&path), listener.accept());
    let (mut near, mut far) = (connected.unwrap(), accepted);
    near.write_all(b"x").await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');

    let error = Listener::bind(&addr, ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    assert!(!path.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn abstract_names_are_free_again_with_their_listeners() {
    let name = format!("carom-test-{}", std::process::id());
    let addr = ListenAddr::UnixAbstract(name.clone().into_bytes());
    let listener = Listener::bind(&addr, ListenOptions::default()).unwrap();
    assert_eq!(listener.local_addr().unwrap().to_uri(), format!("unix-abstract:{name}"));
    let (connected, (accepted, _)) =
        tokio::join!(UnixStream::connect(format!("\0{name}")), listener.accept());
    let (mut near, mut far) = (connected.unwrap(), accepted);
    near.write_all(b"x").await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');

    let error = Listener::bind(&addr, ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    Listener::bind(&addr, ListenOptions::default()).unwrap();
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    // The standard library's listener leaves its file behind, as a killed server does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::bind(&path.clone().into(), ListenOptions::default()).unwrap();
    drop(listener);

    std::fs::write(&path, "precious").unwrap();
    let error = Listener::bind(&path.clone().into(), ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
