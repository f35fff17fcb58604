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
