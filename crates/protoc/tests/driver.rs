//! The command line: what it prints, what it writes, how it ends.

use std::{ffi::OsString, fs, path::Path};

use carom_protoc::driver;

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Run {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = driver::run(args.into_iter().map(Into::into), &mut stdout, &mut stderr);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code, stdout: text(stdout), stderr: text(stderr) }
}

fn directory_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn include(directory: &Path) -> String {
    format!("-I{}", directory.display())
}

const RECO: &str = "syntax = \"proto3\";\n\nmessage Article {\n  string title = 1;\n  int32 score = 2;\n}\n\n\
                    message Answer {\n  repeated Article articles = 1;\n}\n\n// Who asks.\nmessage UserRequest {\n  \
                    string user_name = 0;\n  int32 a = 1;\n  int32 b = 2;\n  int32 c = 3;\n}\n";

#[test]
fn a_field_numbered_zero_is_refused_with_a_suggestion() {
    let directory = directory_with(&[("reco.proto", RECO)]);
    let out = run([
        include(directory.path()),
        format!("--python_out={}", directory.path().display()),
        "reco.proto".into(),
    ]);
    let path = directory.path().join("reco.proto");
    let path = path.display();
    assert_eq!(
        out.stderr,
        format!(
            "{path}:14:22: Field numbers must be positive integers.\n\
             {path}:14:22: Suggested field numbers for UserRequest: 4\n"
        )
    );
    assert_eq!(out.code, 1);
    assert!(!directory.path().join("reco_pb2.py").exists(), "nothing is written where anything is refused");
}

#[test]
fn source_lines_are_shown_where_they_are_asked_for() {
    let directory = directory_with(&[("reco.proto", RECO)]);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let options = driver::Options { source_lines: true, ..driver::Options::default() };
    let args = [include(directory.path()), "-o/dev/null".into(), "reco.proto".into()];
    let code = driver::run_with(options, args.map(OsString::from), &mut stdout, &mut stderr);
    let text = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(code, 1);
    assert!(text.contains("\n    string user_name = 0;\n                       ^\n"), "{text}");
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    for (args, wanted) in [
        (vec!["--frob", "x.proto"], "Unknown flag: --frob\n"),
        (vec!["--python_out=."], "Missing input file.\n"),
        (vec!["x.proto"], "Missing output directives.\n"),
        (
            vec!["--python_out=.", "no/such.proto"],
            "Could not make proto path relative: no/such.proto: No such file or directory\n",
        ),
    ] {
        let out = run(args.clone());
        assert_eq!((out.code, out.stderr.as_str()), (1, wanted), "{args:?}");
    }
}

#[test]
fn version_and_help_go_to_standard_output() {
    let out = run(["--version"]);
    assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (0, "libprotoc 35.1\n", ""));
    let out = run(["--help"]);
    assert!(out.code == 0 && out.stdout.starts_with("Usage: "));
}

#[test]
fn an_output_directory_must_exist() {
    let directory = directory_with(&[("a.proto", "syntax = \"proto3\";")]);
    let missing = directory.path().join("missing");
    let out =
        run([include(directory.path()), format!("--python_out={}", missing.display()), "a.proto".into()]);
    assert_eq!((out.code, out.stderr), (1, format!("{}/: No such file or directory\n", missing.display())));
}

#[test]
fn arguments_are_read_from_files() {
    let directory = directory_with(&[("a.proto", "syntax = \"proto3\";")]);
    let path = directory.path().display();
    fs::write(directory.path().join("args"), format!("-I{path}\n--python_out={path}\na.proto\n"))
        .expect("a file");
    let out = run([format!("@{path}/args")]);
    assert_eq!((out.code, out.stderr.as_str()), (0, ""));
    assert!(directory.path().join("a_pb2.py").exists());
}

#[cfg(unix)]
#[test]
fn plugins_are_run_and_their_failure_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = directory_with(&[("a.proto", "syntax = \"proto3\"; message A {}")]);
    let path = directory.path().display().to_string();
    // A response with one file: field 15 { name "a.txt", content "hello\n" }.
    let script = "#!/bin/sh\ncat > /dev/null\nprintf '\\172\\017\\012\\005a.txt\\172\\006hello\\n'\n";
    let plugin = |name: &str, script: &str| {
        let program = directory.path().join(name);
        fs::write(&program, script).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        format!("--plugin=protoc-gen-{name}={}", program.display())
    };
    let good = plugin("good", script);
    let out = run([include(directory.path()), good, format!("--good_out={path}"), "a.proto".into()]);
    assert_eq!((out.code, out.stderr.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(directory.path().join("a.txt")).expect("the plugin's file"), "hello\n");
    let bad = plugin("bad", "#!/bin/sh\nexit 3\n");
    let out = run([include(directory.path()), bad, format!("--bad_out={path}"), "a.proto".into()]);
    assert_eq!(out.code, 1);
    assert_eq!(out.stderr, "--bad_out: protoc-gen-bad: Plugin failed with status code 3.\n");
}

/// Runs the command line with something to read.
fn run_on<S: Into<OsString>>(args: impl IntoIterator<Item = S>, input: &[u8]) -> (i32, Vec<u8>, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut input = input;
    let options = driver::Options::default();
    let code =
        driver::run_on(options, args.into_iter().map(Into::into), &mut input, &mut stdout, &mut stderr);
    (code, stdout, String::from_utf8(stderr).expect("UTF-8"))
}

const SHELF: &str = "syntax = \"proto2\";\npackage shop;\nmessage Shelf {\n  required string name = 1;\n  map<string, \
                     int32> counts = 2;\n  optional group Row = 3 { optional sint32 depth = 1; }\n  repeated int32 ids = 4 \
                     [packed = true];\n  extensions 100 to 200;\n}\nextend Shelf { optional Shelf next = 100; }\n";
const SHELF_TEXT: &str = "name: \"a\\001\"\ncounts {\n  key: \"x\"\n  value: 2\n}\ncounts {\n  key: \"y\"\n  value: 0\n}\nRow \
                          {\n  depth: -3\n}\nids: 1\nids: 300\n[shop.next] {\n  name: \"b\"\n}\n";

#[test]
fn text_becomes_binary_and_text_again() {
    let directory = directory_with(&[("shelf.proto", SHELF)]);
    let args =
        |action: &str| [include(directory.path()), format!("--{action}=shop.Shelf"), "shelf.proto".into()];
    let (code, bytes, stderr) = run_on(args("encode"), SHELF_TEXT.as_bytes());
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(bytes[..4], [0x0a, 2, b'a', 1]);
    let (code, text, stderr) = run_on(args("decode"), &bytes);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(String::from_utf8(text).expect("UTF-8"), SHELF_TEXT);
}

#[test]
fn what_is_missing_in_a_message_is_told() {
    let directory = directory_with(&[("shelf.proto", SHELF)]);
    let args = [include(directory.path()), "--decode=shop.Shelf".into(), "shelf.proto".into()];
    let (code, text, stderr) = run_on(args, b"\xa2\x06\x00");
    assert_eq!(code, 0);
    assert_eq!(stderr, "warning:  Input message is missing required fields:  name, (shop.next).name\n");
    assert_eq!(text, b"[shop.next] {\n}\n");
}

#[test]
fn text_that_is_wrong_is_refused_with_its_place() {
    let directory = directory_with(&[("shelf.proto", SHELF)]);
    for (text, wanted) in [
        ("name: 5", "input:1:7: Expected string, got: 5\n"),
        ("\n  nome: \"x\"", "input:2:7: Message type \"shop.Shelf\" has no field named \"nome\".\n"),
        ("name: \"x", "input:1:9: Unexpected end of string.\n"),
    ] {
        let args = [include(directory.path()), "--encode=shop.Shelf".into(), "shelf.proto".into()];
        let (code, bytes, stderr) = run_on(args, text.as_bytes());
        assert_eq!((code, bytes.len()), (1, 0), "{text}");
        assert_eq!(stderr, format!("{wanted}Failed to parse input.\n"), "{text}");
    }
}

#[test]
fn binary_without_a_type_is_shown() {
    let (code, text, stderr) = run_on(["--decode_raw"], b"\x08\x05\x12\x02\x08\x01\x1d\x01\x00\x00\x00");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(text, b"1: 5\n2 {\n  1: 1\n}\n3: 0x00000001\n");
    // Cut off, a group without an end, a field without a number; nested too deep.
    for bad in [&b"\x08"[..], b"\x0b", b"\x00\x00", &[0x0b; 1000]] {
        let (code, text, stderr) = run_on(["--decode_raw"], bad);
        assert_eq!((code, text.len(), stderr.as_str()), (1, 0, "Failed to parse input.\n"));
    }
}

#[test]
fn free_field_numbers_are_printed() {
    let directory = directory_with(&[("shelf.proto", SHELF)]);
    let out = run([include(directory.path()), "--print_free_field_numbers".into(), "shelf.proto".into()]);
    assert_eq!(out.code, 0);
    assert!(
        out.stdout.ends_with("shop.Shelf                          free: 5-99 201-INF\n"),
        "{}",
        out.stdout
    );
}

#[test]
fn a_descriptor_set_stands_for_its_sources() {
    let directory = directory_with(&[("shelf.proto", SHELF)]);
    let path = directory.path().display();
    let set = |name: &str| format!("{path}/{name}");
    let flags = ["--include_imports", "--include_source_info"].map(String::from);
    let mut args = vec![include(directory.path()), format!("-o{}", set("one")), "shelf.proto".into()];
    args.extend(flags.clone());
    assert_eq!(run(args).stderr, "");
    let mut args = vec![
        format!("--descriptor_set_in={}", set("one")),
        format!("-o{}", set("two")),
        "shelf.proto".into(),
    ];
    args.extend(flags);
    assert_eq!(run(args).stderr, "");
    assert_eq!(fs::read(set("one")).expect("a set"), fs::read(set("two")).expect("a set"));
    let out =
        run([format!("--descriptor_set_in={}", set("one")), "-o/dev/null".into(), "other.proto".into()]);
    assert_eq!(
        out.stderr,
        "Could not find file in descriptor database: other.proto: No such file or directory\n"
    );
}

#[test]
fn imports_that_were_not_declared_are_refused() {
    let files = [
        ("a.proto", "syntax = \"proto3\"; import \"b.proto\"; message A { B b = 1; }"),
        (
            "b.proto",
            "syntax = \
                  \"proto3\"; message B {}",
        ),
    ];
    let directory = directory_with(&files);
    let with = |list: &str| {
        run([
            include(directory.path()),
            format!("--direct_dependencies={list}"),
            "-o/dev/null".into(),
            "a.proto".into(),
        ])
    };
    assert_eq!(with("b.proto:c.proto").code, 0);
    let out = with("");
    assert_eq!(out.code, 1);
    assert_eq!(out.stderr, "a.proto: File is imported but not declared in --direct_dependencies: b.proto\n");
}

#[test]
fn an_output_can_be_an_archive() {
    let directory = directory_with(&[("a.proto", "syntax = \"proto3\";")]);
    let archive = directory.path().join("out.jar");
    let out =
        run([include(directory.path()), format!("--python_out={}", archive.display()), "a.proto".into()]);
    assert_eq!((out.code, out.stderr.as_str()), (0, ""));
    let bytes = fs::read(archive).expect("an archive");
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(bytes.starts_with(b"PK\x03\x04") && has("META-INF/MANIFEST.MF") && has("a_pb2.py"));
}

#[test]
fn an_unstable_edition_is_taken_where_it_is_asked_for() {
    let directory = directory_with(&[("u.proto", "edition = \"UNSTABLE\"; message M { zigzag32 a = 1; }")]);
    let set = directory.path().join("set.bin");
    let args = [include(directory.path()), format!("-o{}", set.display()), "u.proto".to_owned()];
    let refused = run(args.clone());
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("u.proto: is a file using edition UNSTABLE"), "{}", refused.stderr);
    assert_eq!(run(args.into_iter().chain(["--experimental_editions".to_owned()])).code, 0);
}

#[test]
fn edition_defaults_are_those_of_a_range() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("defaults.bin");
    let flag = format!("--edition_defaults_out={}", out.display());
    let file = "google/protobuf/descriptor.proto";
    let make = |more: &[&str]| run([flag.as_str(), file].into_iter().chain(more.iter().copied()));
    assert_eq!(make(&["--edition_defaults_maximum=2023"]).code, 0);
    let bytes = fs::read(&out).expect("the defaults");
    // minimum_edition: EDITION_PROTO2, maximum_edition: EDITION_2023
    assert!(bytes.ends_with(&[0x20, 0xe6, 0x07, 0x28, 0xe8, 0x07]), "{bytes:x?}");
    let refused = make(&["--edition_defaults_minimum=2024", "--edition_defaults_maximum=2023"]);
    assert!(refused.stderr.contains("Invalid edition range"), "{}", refused.stderr);
    let unknown = make(&["--edition_defaults_minimum=2022"]);
    assert_eq!(unknown.stderr, "--edition_defaults_minimum unknown edition \"2022\".\n");
}

#[test]
fn the_beta_api_goes_into_the_python_module() {
    let service = "syntax = \"proto3\"; message M {} service S { rpc Do(M) returns (M); }";
    let directory = directory_with(&[("s.proto", service)]);
    let out = directory.path().display();
    let grpc = |parameter: &str| format!("--grpc_python_out={parameter}:{out}");
    let args = |outputs: &[String]| {
        let inputs = [include(directory.path()), "s.proto".to_owned()];
        outputs.iter().cloned().chain(inputs).collect::<Vec<String>>()
    };
    let alone = run(args(&[grpc("grpc_1_0")]));
    assert!(
        alone.stderr.contains("s_pb2.py: Tried to insert into file that doesn't exist."),
        "{}",
        alone.stderr
    );
    assert_eq!(run(args(&[format!("--python_out={out}"), grpc("grpc_1_0")])).code, 0);
    let module = fs::read_to_string(directory.path().join("s_pb2.py")).expect("the module");
    assert!(module.contains("def beta_create_S_stub("), "{module}");
    let unknown = run(args(&[grpc("grpc_3_0")]));
    assert!(unknown.stderr.contains("Invalid grpc version 'grpc_3_0'."), "{}", unknown.stderr);
}

#[test]
fn generic_services_are_warned_of_and_never_fatal() {
    let text = "syntax = \"proto3\"; option py_generic_services = true; service S {}";
    let directory = directory_with(&[("s.proto", text)]);
    let out = format!("-o{}/set.bin", directory.path().display());
    let warned = run([include(directory.path()), out, "--fatal_warnings".to_owned(), "s.proto".to_owned()]);
    assert_eq!(warned.code, 0, "{}", warned.stderr);
    assert!(warned.stderr.contains("s.proto: warning: Generic services ("), "{}", warned.stderr);
}
