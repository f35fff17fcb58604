//! `carom-protoc fmt` on files that are made for it.
//!
//! Each file of `tests/format/buf` comes out as `buf format` prints it; each of `tests/format/own` otherwise, for the
//! reason that its first line gives. The formatted texts stand beside them as `NAME.formatted`. To make them anew, name
//! a buf of version 1.75: `CAROM_BUF=buf cargo test -p carom-protoc --test format`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use carom_protoc::{MemoryFiles, compile, fmt};

fn inputs(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(kind);
    let files = fs::read_dir(folder).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "proto")).collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {kind}");
    files
}

fn formatted(name: &str, text: &[u8]) -> Vec<u8> {
    fmt::format(name, text.to_vec()).unwrap_or_else(|wrong| panic!("{name} is refused:\n{wrong}"))
}

/// What buf makes of a file.
fn by_buf(buf: &Path, input: &Path) -> Vec<u8> {
    let output = Command::new(buf).arg("format").arg(input).output().expect("buf runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn files_are_formatted_as_expected() {
    let buf = env::var_os("CAROM_BUF").map(|path| fs::canonicalize(path).expect("the path of buf"));
    for (kind, as_buf) in [("format/buf", true), ("format/own", false)] {
        for input in inputs(kind) {
            let name = input.display().to_string();
            let golden = input.with_extension("formatted");
            let ours = formatted(&name, &fs::read(&input).expect("a file"));
            if let Some(buf) = &buf {
                let theirs = by_buf(buf, &input);
                assert!(as_buf || ours != theirs, "{name} is formatted as buf does it");
                fs::write(&golden, if as_buf { &theirs } else { &ours }).expect("written");
            }
            let expected = fs::read(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
            let [ours, expected] = [&ours, &expected].map(|text| String::from_utf8_lossy(text));
            assert_eq!(ours, expected, "{name}");
        }
    }
}

/// Everything that can be formatted, with its name.
fn sources() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> =
        ["format/buf", "format/own", "valid"].into_iter().flat_map(inputs).collect();
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/google/protobuf/descriptor.proto"));
    files.into_iter().map(|path| (path.display().to_string(), fs::read(path).expect("a file"))).collect()
}

#[test]
fn what_is_formatted_stays_as_it_is() {
    for (name, text) in sources() {
        let once = formatted(&name, &text);
        let twice = formatted(&name, &once);
        assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice), "{name}");
    }
}

/// The comments of a text without their markers and without white space, sorted. Written apart from the formatter,
/// which has one of its own.
fn comments(text: &[u8]) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((&first, after)) = rest.split_first() {
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            rest.windows(2).skip(2).position(|pair| pair == b"*/").expect("an end") + 4
        } else if first == b'"' || first == b'\'' {
            let mut escaped = false;
            let end = after.iter().position(|byte| {
                let ends = *byte == first && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            rest = &after[end.expect("an end") + 1..];
            continue;
        } else {
            rest = after;
            continue;
        };
        let comment = String::from_utf8_lossy(&rest[..length]).into_owned();
        let inner = match comment.strip_prefix("/*") {
            Some(block) => block.strip_suffix("*/").expect("an end"),
            None => &comment[2..],
        };
        found.push(inner.split_whitespace().collect());
        rest = &rest[length..];
    }
    found.sort();
    found
}

#[test]
fn every_comment_is_still_there_once() {
    assert_eq!(comments(b"a // b c\n'//' /* d\n e */ \"\\\"/*\""), ["bc", "de"]);
    for (name, text) in sources() {
        assert_eq!(comments(&text), comments(&formatted(&name, &text)), "{name}");
    }
}

#[test]
fn descriptors_stay_the_same() {
    let mut compared = 0;
    for (name, text) in sources() {
        let set = |text: &[u8]| {
            let mut files = MemoryFiles::default();
            files.insert("x.proto", text);
            compile(["x.proto"], &files).map(|compiled| compiled.file_descriptor_set(false))
        };
        let (before, after) = (set(&text), set(&formatted(&name, &text)));
        compared += usize::from(before.is_ok());
        assert_eq!(before.ok(), after.ok(), "{name}");
    }
    assert!(compared > 5, "{compared} files compile by themselves");
}

#[test]
fn a_file_that_does_not_parse_is_refused_at_its_place() {
    let refused = |text: &str| fmt::format("x.proto", text.into()).expect_err("refused").to_string();
    let missing = "x.proto:2:1: Reached end of input in message definition (missing '}').\n";
    assert_eq!(refused("syntax = \"proto3\"; message A {\n"), missing);
    // What is in the braces of an option is not looked at by the parser.
    let option = |value: &str| refused(&format!("option (a) = {{{value}}};"));
    assert_eq!(option("a: ]"), "x.proto:1:18: Expected option value.\n");
    assert_eq!(option("a 1"), "x.proto:1:17: Expected \":\".\n");
    assert_eq!(option("1: 1"), "x.proto:1:15: Expected identifier or \"}\".\n");
    assert_eq!(option("a: [1"), "x.proto:1:20: Expected \"]\".\n");
    assert_eq!(option("a: <b: 1"), "x.proto:1:23: Expected identifier or \">\".\n");
    assert_eq!(option("[a/ /b]: 1"), "x.proto:1:19: Expected identifier.\n");
    assert_eq!(option("[9\ne] {}"), "x.proto:1:16: Expected identifier.\n");
    let deep = format!("{}{}", "a {".repeat(200), "}".repeat(200));
    assert!(option(&deep).contains("Message is too deep"), "{}", option(&deep));
}
