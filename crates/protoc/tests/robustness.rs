//! Whatever the bytes are, the compiler answers: no panic, no overflow of the stack, no waiting.

use std::{fs, path::Path};

use carom_protoc::{MemoryFiles, compile};

fn sources() -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut out = Vec::new();
    for directory in ["valid", "invalid"] {
        for entry in fs::read_dir(tests.join(directory)).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                out.push(fs::read(path).expect("a file"));
            }
        }
    }
    out
}

/// Compiles a text as one file; only that it returns matters.
fn survives(text: &[u8]) {
    let mut files = MemoryFiles::default();
    files.insert("x.proto", text);
    let _either = compile(["x.proto"], &files).map(|compilation| compilation.file_descriptor_set(true).len());
}

/// A small generator of the same numbers on every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

const PIECES: [&str; 24] = [
    "message",
    "enum",
    "{",
    "}",
    ";",
    "=",
    "[",
    "]",
    "(",
    ")",
    "option",
    "extend",
    "oneof",
    "map<",
    "\"",
    "/*",
    "//",
    "-",
    "1",
    "99999999999999999999",
    "reserved",
    "to max",
    "group",
    "\\",
];

#[test]
fn mutated_files_are_answered() {
    let sources = sources();
    let mut random = Random(0x5eed_cafe_f00d_0001);
    for round in 0..600 {
        let mut text = sources[round % sources.len()].clone();
        for _ in 0..=random.below(6) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 if at < text.len() => text[at] = random.below(256) as u8,
                1 => text.truncate(at),
                2 => {
                    let end = (at + random.below(40)).min(text.len());
                    text.drain(at..end);
                }
                _ => {
                    let piece = PIECES[random.below(PIECES.len())];
                    text.splice(at..at, piece.bytes());
                }
            }
        }
        survives(&text);
    }
}

#[test]
fn random_bytes_are_answered() {
    let mut random = Random(0x5eed_cafe_f00d_0002);
    for _ in 0..300 {
        let text: Vec<u8> = (0..random.below(400)).map(|_| random.below(256) as u8).collect();
        survives(&text);
        let words: Vec<&str> = (0..random.below(120)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        survives(words.join(" ").as_bytes());
    }
}

#[test]
fn deep_nesting_is_answered() {
    const DEPTH: usize = 100_000;
    for (open, close) in [
        ("message A {", "}"),
        ("message A { optional group B = 1 {", "}}"),
        ("message A { oneof x {", "}}"),
        ("option (a) = {", "};"),
        ("message A { extend B {", "}}"),
        ("{", "}"),
        ("/*", "*/"),
    ] {
        let head = "syntax = \"proto2\";\n";
        survives(format!("{head}{}{}", open.repeat(DEPTH), close.repeat(DEPTH)).as_bytes());
        survives(format!("{head}{}", open.repeat(DEPTH)).as_bytes());
    }
    let head = "syntax = \"proto2\"; import \"google/protobuf/descriptor.proto\";\n\
                message M { optional M m = 1; repeated M r = 2; }\n\
                extend google.protobuf.FileOptions { optional M m = 50000; }\n";
    for (open, close) in [("m {", "}"), ("m: <", ">"), ("r: [{", "}]")] {
        let text = format!("{head}option (m) = {{ {}{} }};", open.repeat(DEPTH), close.repeat(DEPTH));
        survives(text.as_bytes());
    }
    survives(format!("{head}option (m){} = {{ }};", ".m".repeat(2_000)).as_bytes());
}

#[test]
fn long_chains_of_imports_are_answered() {
    const FILES: usize = 2_000;
    let mut files = MemoryFiles::default();
    for index in 0..FILES {
        let import =
            if index + 1 < FILES { format!("import public \"{}.proto\";", index + 1) } else { String::new() };
        files.insert(
            format!("{index}.proto"),
            format!("syntax = \"proto3\"; {import} message M{index} {{ M{} m = 1; }}", FILES - 1),
        );
    }
    let compiled = compile(["0.proto"], &files).expect("valid files");
    assert_eq!(compiled.files().count(), FILES);
}

#[test]
fn growth_is_linear_in_the_number_of_fields() {
    let fields: String = (1..=18_000).map(|n| format!("int32 field_{n} = {n}; ")).collect();
    let text = format!("syntax = \"proto3\"; message M {{ {fields} }}");
    let mut files = MemoryFiles::default();
    files.insert("big.proto", text);
    let compiled = compile(["big.proto"], &files).expect("a valid file");
    assert!(compiled.file_descriptor_set(false).len() > 18_000 * 20);
}
