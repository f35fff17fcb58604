//! Whatever the bytes are, the compiler answers: no panic, no overflow of the stack, no waiting.

use std::{ffi::OsString, fs, io, path::Path};

use carom_protoc::{Loader, MemoryFiles, compile, driver};

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

/// A file of which there is only a descriptor.
struct Descriptor(Vec<u8>);

impl Loader for Descriptor {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(carom_protoc::bundled::bundled(name).map(<[u8]>::to_vec))
    }

    fn descriptor(&self, name: &str) -> Option<Vec<u8>> {
        (name == "x.proto").then(|| self.0.clone())
    }
}

/// A length-delimited field.
fn delimited(number: u8, content: &[u8]) -> Vec<u8> {
    let (mut out, mut length) = (vec![number << 3 | 2], content.len());
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(content);
    out
}

#[test]
fn deep_descriptors_and_messages_are_answered() {
    const DEPTH: usize = 3_000;
    let message = (0..DEPTH).fold(Vec::new(), |inner, _| [delimited(1, b"A"), delimited(3, &inner)].concat());
    let file = [delimited(1, b"x.proto"), delimited(4, &message)].concat();
    assert!(compile(["x.proto"], &Descriptor(file.clone())).is_err());
    let descriptor = "google/protobuf/descriptor.proto";
    let text = "nested_type {".repeat(DEPTH * 10);
    for (action, input) in [
        ("--encode=google.protobuf.DescriptorProto", text.into_bytes()),
        ("--decode=google.protobuf.FileDescriptorProto", file.clone()),
        ("--decode=google.protobuf.FileDescriptorProto", vec![0x0b; DEPTH * 10]),
    ] {
        let args = [action, descriptor].map(OsString::from);
        let options = driver::Options::default();
        let code = driver::run_on(options, args, &mut input.as_slice(), &mut io::sink(), &mut io::sink());
        assert_eq!(code, 1, "{action}");
    }
    let args = ["--decode_raw"].map(OsString::from);
    let options = driver::Options::default();
    let code = driver::run_on(options, args, &mut file.as_slice(), &mut io::sink(), &mut io::sink());
    assert_eq!(code, 0, "without a type it is bytes");
}

#[test]
fn mutated_descriptors_are_answered() {
    let mut files = MemoryFiles::default();
    for (index, source) in sources().into_iter().enumerate() {
        files.insert(format!("{index}.proto"), source);
    }
    let mut random = Random(0x5eed_cafe_f00d_0003);
    for index in 0..8 {
        let Ok(compiled) = compile([format!("{index}.proto")], &files) else { continue };
        let set = compiled.requested().map(|file| file.embedded_descriptor()).next().unwrap_or_default();
        for _ in 0..40 {
            let mut bytes = set.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                    1 => bytes.truncate(at),
                    _ => {
                        bytes.drain(at..(at + random.below(20)).min(bytes.len()));
                    }
                }
            }
            let _either = compile(["x.proto"], &Descriptor(bytes))
                .map(|compiled| compiled.file_descriptor_set(true).len());
        }
    }
}
