//! What prost can do and what it cannot, which is said and not done by halves.

use std::fs;

use carom_codegen::{Builder, Messages, configure};

/// Why a file is refused with messages by prost.
fn refused(text: &str, change: impl FnOnce(Builder) -> Builder) -> String {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("a.proto"), text).expect("it can be written");
    let builder = configure().messages(Messages::Prost).out_dir(folder.path()).emit_rerun_if_changed(false);
    let outcome = change(builder).compile_protos(&["a.proto"], &[folder.path()]);
    outcome.expect_err("prost has no code for it").to_string()
}

const PLAIN: &str = "syntax = \"proto3\"; package a; message M { string s = 1; }";

#[test]
fn editions_are_for_buffa() {
    let error = refused("edition = \"2023\"; package a; message M {}", |builder| builder);
    assert!(error.contains("a.proto: prost knows proto2 and proto3"), "{error}");
}

#[test]
fn options_that_prost_has_not_are_named() {
    let error = refused(PLAIN, |builder| builder.json(true));
    assert!(error.contains("json is for messages by buffa"), "{error}");
    let error = refused(PLAIN, |builder| builder.string_type("a.M.s", "crate::Id"));
    assert!(error.contains("a type for strings is for messages by buffa"), "{error}");
    let error = refused(PLAIN, |builder| builder.bytes_type(".", "crate::Key"));
    assert!(error.contains("another type for bytes"), "{error}");
}

#[test]
fn a_package_may_have_services_alone() {
    let folder = tempfile::tempdir().expect("a directory");
    let text = "syntax = \"proto3\"; package a; import \"google/protobuf/empty.proto\";
        service S { rpc Call(google.protobuf.Empty) returns (google.protobuf.Empty); }";
    fs::write(folder.path().join("a.proto"), text).expect("it can be written");
    let builder = configure().messages(Messages::Prost).out_dir(folder.path()).emit_rerun_if_changed(false);
    builder.compile_protos(&["a.proto"], &[folder.path()]).expect("there is code for it");
    let code = fs::read_to_string(folder.path().join("a.rs")).expect("it is there");
    assert!(code.contains("pub trait S") && code.contains("ProstCodec::<(), ()>"), "{code}");
}

#[test]
fn where_prost_build_panics_there_is_an_error() {
    let error = refused("syntax = \"proto2\"; package a; enum E { E_A = 0; A = 1; }", |builder| builder);
    assert!(error.contains("prost-build gave up"), "{error}");
}
