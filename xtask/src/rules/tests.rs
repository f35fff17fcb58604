use std::path::Path;

use super::*;

fn engine_says(file: &str, text: &str) -> Vec<String> {
    engine(Path::new(file), text)
}

#[test]
fn a_banned_package_is_found_wherever_it_stands_in_the_tree() {
    let tree = "carom-wire v0.1.0 (/x/crates/wire)\nbytes v1.12.0\nmio v1.0.0\nmio v1.0.0 (*)\n";
    let said = banned_packages("carom-wire", tree, &["tokio", "mio"], "no I/O");
    assert_eq!(said, ["carom-wire depends on mio: no I/O"]);
    assert!(
        banned_packages("carom-wire", "carom-wire v0.1.0\nbytes v1.12.0\n", &["tokio"], "no I/O").is_empty()
    );
}

#[test]
fn the_package_itself_is_not_its_own_dependency() {
    assert!(banned_packages("carom", "carom v0.1.0\nbytes v1.12.0\n", &["carom"], "reason").is_empty());
}

#[test]
fn the_engine_names_no_clock_and_no_socket() {
    assert_eq!(
        engine_says("conn/mod.rs", "fn f() {\n    let now = Instant::now();\n}\n"),
        ["conn/mod.rs:2: the engine names Instant::now"]
    );
    assert_eq!(engine_says("lib.rs", "use std::net::SocketAddr;").len(), 1);
    assert_eq!(engine_says("lib.rs", "use std::time::SystemTime;").len(), 1);
    assert!(engine_says("lib.rs", "use std::time::Instant;\nfn f(now: Instant) {}").is_empty());
}

#[test]
fn words_in_comments_and_strings_do_not_count() {
    assert!(
        engine_says("frame/mod.rs", "/// Not tokio, not Instant::now.\nfn f() { g(\"tokio\") }").is_empty()
    );
    assert!(engine_says("frame/mod.rs", "/* crate::conn\n SystemTime */ fn f() {}").is_empty());
    assert!(engine_says("frame/mod.rs", "const A: &str = r#\"say \"tokio\"\"#;").is_empty());
    assert_eq!(
        engine_says("frame/mod.rs", "const A: char = '\"';\nuse tokio::io;\nconst B: char = '\"';").len(),
        1
    );
    assert_eq!(engine_says("frame/mod.rs", "const A: &str = \"\\\"\"; use tokio::io;").len(), 1);
}

#[test]
fn a_layer_uses_only_those_below_it() {
    assert!(engine_says("conn/mod.rs", "use crate::hpack::Decoder;\nuse crate::stream::Stream;").is_empty());
    assert_eq!(
        engine_says("hpack/decoder.rs", "\nuse crate::frame::Kind;"),
        ["hpack/decoder.rs:2: hpack uses frame, but hpack is below it"]
    );
    assert_eq!(engine_says("stream.rs", "fn f(c: &crate::conn::Connection) {}").len(), 1);
    assert_eq!(engine_says("conn/a/b.rs", "use super::super::super::call::X;").len(), 1);
    assert_eq!(engine_says("frame/mod.rs", "use super::stream::X;").len(), 1);
    assert!(engine_says("frame/settings.rs", "use super::stream::X;").is_empty(), "that is frame::stream");
    assert!(engine_says("server.rs", "use crate::call::ServerCall;").is_empty());
    assert_eq!(engine_says("call/server.rs", "use crate::server::Server;").len(), 1);
    assert_eq!(engine_says("server.rs", "use crate::client::Client;").len(), 1);
    assert_eq!(engine_says("client.rs", "use crate::server::Server;").len(), 1);
}

#[test]
fn groups_of_imports_are_read_at_their_first_level() {
    let text = "use crate::{\n    hpack::{self, conn},\n    call::Server,\n};";
    assert_eq!(engine_says("frame/mod.rs", text), ["frame/mod.rs:1: frame uses call, but frame is below it"]);
}

#[test]
fn leaves_use_no_layer_but_what_they_may() {
    assert_eq!(engine_says("message.rs", "use crate::hpack::X;").len(), 1);
    assert!(engine_says("message.rs", "use crate::status::Status;").is_empty());
    assert!(engine_says("call/mod.rs", "use crate::message::Framer;").is_empty());
    assert!(engine_says("metadata.rs", "use crate::fields::HeaderBlock;").is_empty());
    assert_eq!(engine_says("metadata.rs", "use crate::hpack::Encoder;").len(), 1);
    assert_eq!(engine_says("timeout.rs", "use crate::fields::X;").len(), 1);
}

#[test]
fn client_and_server_do_not_meet() {
    let path = Path::new("client/call.rs");
    assert_eq!(
        library(path, "use crate::server::Router;"),
        ["client/call.rs:1: client uses server::Router; what both need belongs elsewhere"]
    );
    assert_eq!(library(Path::new("server/mod.rs"), "use crate::{codec, client::Channel};").len(), 1);
    assert!(library(path, "use crate::transport::Io;").is_empty());
}

#[test]
fn rooms_of_the_library_use_only_what_they_may() {
    let says = |file: &str, text: &str| library(Path::new(file), text).len();
    assert_eq!(says("transport/io.rs", "use crate::server::Router;"), 1);
    assert_eq!(says("credentials/client.rs", "use crate::{codec::X, transport::{io::Y, Z}};"), 2);
    assert_eq!(says("client/resolver/dns.rs", "use super::super::balancer::Policy;"), 1);
    assert_eq!(says("client/resolver/mod.rs", "use super::{backoff::X, control::Y};"), 1);
    assert_eq!(says("client/balancer/pick_first.rs", "use crate::transport::io::IoStream;"), 1);
    assert_eq!(says("client/balancer/mod.rs", "use super::subchannel::Subchannel;"), 0);
    assert_eq!(says("client/balancers.rs", "use crate::transport::io::IoStream;"), 0, "another room");
    assert_eq!(says("client/control.rs", "use super::connection::Driver;"), 1);
    assert_eq!(says("client/subchannel.rs", "use super::connection::Driver;"), 0);
}

#[test]
fn what_is_not_published_says_so() {
    assert!(unpublished("examples/Cargo.toml", "[package]\nname = \"x\"\npublish = false\n").is_none());
    assert!(unpublished("examples/Cargo.toml", "[package]\nname = \"x\"\n").is_some());
    assert!(unpublished("examples/Cargo.toml", "[workspace]\n").is_none());
}

#[test]
fn test_files_are_told_by_their_names() {
    assert!(is_test(Path::new("crates/wire/src/conn/tests/pair.rs")));
    assert!(is_test(Path::new("crates/wire/src/hpack/tests.rs")));
    assert!(!is_test(Path::new("crates/wire/src/hpack/decoder.rs")));
}
