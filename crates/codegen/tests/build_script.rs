//! `compile_protos` as a build script calls it: what is written, and what is said where it cannot be.

use std::fs;
use std::path::{Path, PathBuf};

use carom_codegen::{Error, Messages, configure};
use tempfile::TempDir;

const PROTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protos");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Writes a `.proto` file of its own directory and compiles it.
fn compile(text: &str) -> Result<String, Error> {
    let directory = directory();
    fs::write(directory.path().join("a.proto"), text).expect("it can be written");
    let builder = configure().out_dir(directory.path()).emit_rerun_if_changed(false);
    builder.compile_protos(&[directory.path().join("a.proto")], &[directory.path()])?;
    Ok(fs::read_to_string(directory.path().join("a.rs")).expect("the package is called a"))
}

fn refused(text: &str) -> String {
    compile(text).expect_err("it cannot be compiled").to_string()
}

#[test]
fn own_compiler_gives_the_golden_code() {
    let out = directory();
    configure()
        .out_dir(out.path())
        .emit_rerun_if_changed(false)
        .compile_protos(&["more_kinds.proto", "bare.proto"], &[PROTOS])
        .expect("they compile");
    for name in ["_.rs", "kinds.rs", "kinds.places.rs", "units.type.rs"] {
        let expected = fs::read_to_string(Path::new(GOLDEN).join(name)).expect("it is there");
        let actual = fs::read_to_string(out.path().join(name)).expect("it is there");
        assert!(actual == expected, "{name} differs from its golden copy");
    }
    let name = "kinds_descriptor.bin";
    let expected = fs::read(Path::new(GOLDEN).join(name)).expect("it is there");
    assert!(fs::read(out.path().join(name)).expect("it is there") == expected, "{name} differs");
}

#[test]
fn files_are_found_by_path_and_by_name() {
    for file in [PathBuf::from("units.proto"), Path::new(PROTOS).join("units.proto")] {
        let out = directory();
        let builder = configure().out_dir(out.path().join("made/here")).emit_rerun_if_changed(false);
        builder.compile_protos(&[&file], &[PROTOS]).expect("it is found");
        assert!(out.path().join("made/here/units.type.rs").exists(), "{}", file.display());
    }
    // The include directory is relative to the package, where cargo runs tests and build scripts; the file is not.
    let out = directory();
    let builder = configure().out_dir(out.path()).emit_rerun_if_changed(false);
    builder.compile_protos(&[Path::new(PROTOS).join("units.proto")], &["tests/protos"]).expect("it is found");
}

#[test]
fn errors_are_the_compilers() {
    let message = refused("syntax = \"proto3\";\npackage a;\nmessage M {\n  string s = 0;\n}\n");
    assert!(message.contains("a.proto:4:14: Field numbers must be positive integers."), "{message}");
    assert!(message.contains("  string s = 0;\n"), "the source line: {message}");
    let debug = format!("{:?}", compile("message").expect_err("it cannot be compiled"));
    assert!(
        debug.contains('\n') && !debug.contains("\\n"),
        "lines of their own when main returns it: {debug}"
    );
}

#[test]
fn warnings_do_not_hide_errors() {
    let directory = directory();
    let write =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("it can be written");
    write("a.proto", "syntax = \"proto3\"; import \"google/protobuf/any.proto\";");
    write("b.proto", "syntax = \"proto3\"; message M { X x = 1; }");
    let builder = configure().out_dir(directory.path()).emit_rerun_if_changed(false);
    let outcome = builder.compile_protos(&["a.proto", "b.proto"], &[directory.path()]);
    let message = outcome.expect_err("X is nowhere").to_string();
    assert!(message.contains("\"X\" is not defined"), "{message}");
    assert!(!message.contains("warning"), "{message}");
}

#[test]
fn a_file_outside_of_the_includes_is_named() {
    let (out, include) = (directory(), directory());
    let file = Path::new(PROTOS).join("units.proto");
    let builder = configure().out_dir(out.path());
    let error = builder.compile_protos(&[&file], &[include.path()]).expect_err("it is elsewhere").to_string();
    assert!(error.contains("units.proto") && error.contains("include directories"), "{error}");
    let error =
        builder.compile_protos(&["none.proto"], &[include.path()]).expect_err("there is none").to_string();
    assert!(error.contains("none.proto: File not found."), "{error}");
}

#[test]
fn names_that_meet_in_rust_are_refused() {
    let message = refused(
        "syntax = \"proto3\"; package a; message M {}
         service S { rpc DoIt(M) returns (M); rpc do_it(M) returns (M); }",
    );
    assert!(message.contains("DoIt and do_it of service a.S"), "{message}");
    let message = refused(
        "syntax = \"proto3\"; package a; message M {} message SClient { message N {} }
         service S { rpc A(M) returns (M); }",
    );
    assert!(message.contains("`s_client` of service a.S"), "{message}");
}

#[test]
fn sides_and_attributes_are_as_configured() {
    let out = directory();
    let generate = |builder: carom_codegen::Builder| {
        let builder = builder.out_dir(out.path()).emit_rerun_if_changed(false);
        builder.compile_protos(&["kinds.proto"], &[PROTOS]).expect("it compiles");
        fs::read_to_string(out.path().join("kinds.rs")).expect("it is there")
    };
    let code = generate(configure().build_server(false));
    assert!(code.contains("mod kinds_client") && !code.contains("mod kinds_server"));
    let code = generate(configure().build_client(false));
    assert!(!code.contains("mod kinds_client") && code.contains("mod kinds_server"));

    let code = generate(
        configure()
            .client_attribute("kinds.Kinds", "#[cfg(one)]")
            .server_attribute(".", "#[cfg(two)]")
            .type_attribute("kinds.Answer", "#[cfg_attr(three, derive(Hash))]")
            .field_attribute("kinds.Question.text", "#[cfg_attr(four, doc = \"x\")]")
            .bytes(["kinds"]),
    );
    assert_eq!(code.matches("#[cfg(one)]").count(), 1);
    assert_eq!(code.matches("#[cfg(two)]").count(), 1);
    assert!(code.contains("cfg_attr(three") && code.contains("cfg_attr(four"));
    assert!(code.contains("pub data: ::buffa::bytes::Bytes"));
    let broken = configure().out_dir(out.path()).client_attribute(".", "#[").emit_rerun_if_changed(false);
    let error = broken.compile_protos(&["kinds.proto"], &[PROTOS]).expect_err("no attribute").to_string();
    assert!(error.contains("the attribute #["), "{error}");
}

#[test]
fn external_packages_are_not_generated() {
    let out = directory();
    configure()
        .out_dir(out.path())
        .extern_path("units.type", "::lengths")
        .emit_rerun_if_changed(false)
        .compile_protos(&["kinds.proto"], &[PROTOS])
        .expect("it compiles");
    let code = fs::read_to_string(out.path().join("kinds.rs")).expect("it is there");
    assert!(code.contains("::lengths::Length") && !code.contains("units::"));
    assert!(!out.path().join("units.type.rs").exists() && out.path().join("kinds.places.rs").exists());
}

#[test]
fn files_of_the_editions_are_compiled() {
    for edition in ["2023", "2024"] {
        let code = compile(&format!(
            "edition = \"{edition}\";\npackage a;\noption features.field_presence = IMPLICIT;\nmessage M {{\n  int32 count = 1;\n  \
             string note = 2 [features.field_presence = EXPLICIT];\n  M child = 3 [features.message_encoding = \
             DELIMITED];\n}}\nservice S {{ rpc Call(M) returns (stream M); }}\n"
        ))
        .expect("it is compiled");
        assert!(code.contains("pub count: i32"), "{code}");
        assert!(code.contains("pub note: ::core::option::Option<"), "{code}");
        assert!(code.contains("pub trait S"), "{code}");
    }
}

/// Messages in a crate of their own, services in those that serve and call: the layout of a larger workspace.
#[test]
fn services_over_messages_of_another_crate() {
    let sources = directory();
    let write =
        |name: &str, text: &str| fs::write(sources.path().join(name), text).expect("it can be written");
    write(
        "shop.proto",
        "syntax = \"proto3\"; package shop.v1; import \"stock.proto\"; message Order {}
         service Orders { rpc Find(Order) returns (stock.Item); }",
    );
    write(
        "stock.proto",
        "syntax = \"proto3\"; package stock; message Item {}
         service Stock { rpc Count(Item) returns (Item); }",
    );
    let kinds = [
        Messages::Buffa,
        #[cfg(feature = "prost")]
        Messages::Prost,
    ];
    for kind in kinds {
        let out = directory();
        let builder = configure().out_dir(out.path()).emit_rerun_if_changed(false).messages(kind);
        builder
            .extern_path("shop.v1", "::protos::shop")
            .extern_path("stock", "::protos::stock")
            .compile_protos(&["shop.proto"], &[sources.path()])
            .expect("it compiles");
        let code = fs::read_to_string(out.path().join("shop.v1.rs")).expect("there are services");
        assert!(code.contains("pub struct OrdersClient") && code.contains("pub trait Orders"), "{code}");
        assert!(code.contains("::protos::shop::Order") && code.contains("::protos::stock::Item"), "{code}");
        assert!(!code.contains("pub struct Order "), "the message is another crate's");
        // A file that is only imported is another crate's business altogether.
        assert!(!out.path().join("stock.rs").exists());
    }
}
