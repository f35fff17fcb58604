//! `carom-protoc lint` over the files below `tests/lint`, of which at least one breaks and one keeps each rule.
//!
//! The golden findings are `tests/lint.txt` and, of rules that no category applies by itself, `tests/lint-further.txt`; `CAROM_REFRESH=1 cargo test -p carom-protoc --test lint` writes them anew.
//! That buf finds the same is compared by `cargo xtask protoc-compare`.

use std::{collections::BTreeSet, env, fs};

use carom_protoc::{commands, driver};

/// Runs the program in this crate's directory; returns the exit code and both outputs.
fn run(args: &[&str]) -> (i32, String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let args = args.iter().map(Into::into);
    let code = commands::run(driver::Options::default(), args, &mut stdout, &mut stderr);
    let text = |bytes| String::from_utf8(bytes).expect("outputs are UTF-8");
    (code, text(stdout), text(stderr))
}

/// Runs `lint`, which has to do its work, over one file; returns the rules that were found broken.
fn rules_broken(source: &str, args: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a directory");
    let package = folder.path().join("a/v1");
    fs::create_dir_all(&package).expect("a directory");
    fs::write(package.join("file.proto"), source).expect("a file");
    let root = folder.path().to_str().expect("UTF-8");
    let (code, stdout, stderr) = run(&[&["lint", "--error_format=gcc"], args, &[root]].concat());
    assert!(code == 0 || code == 100, "{code}: {stderr}");
    assert_eq!(code == 0, stdout.is_empty());
    let rule = |line: &str| line.rsplit_once('[').map(|(_, rule)| rule.trim_end_matches(']').to_owned());
    stdout.lines().filter_map(rule).collect()
}

/// Compares what rules find with a golden, and returns it.
fn compare(rules: &str, folder: &str, golden: &str) -> String {
    let (code, found, stderr) = run(&["lint", rules, "-Itests/lint", folder]);
    assert_eq!((code, stderr.as_str()), (100, ""));
    if env::var_os("CAROM_REFRESH").is_some() {
        fs::write(golden, &found).expect("the golden is written");
    }
    let expected = fs::read_to_string(golden).expect("the golden is there");
    let differ = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(differ, None, "the first finding that is not as in {golden}");
    assert_eq!(found.lines().count(), expected.lines().count());
    let in_good =
        found.lines().find(|line| line.split(':').next().is_some_and(|file| file.contains("/good")));
    assert_eq!(in_good, None, "no file that keeps the rules is complained of");
    found
}

#[test]
fn all_rules_find_what_the_goldens_say() {
    let standard = compare("--rules=STANDARD,IMPORT_NO_WEAK", "tests/lint", "tests/lint.txt");
    let further = "--rules=COMMENTS,UNARY_RPC,STABLE_PACKAGE_NO_IMPORT_UNSTABLE";
    let further = compare(further, "tests/lint/further", "tests/lint-further.txt");
    let found = standard.lines().chain(further.lines());
    let rules: BTreeSet<&str> = found.filter_map(|line| line.split(": ").nth(1)).collect();
    let (_, table, _) = run(&["lint", "--list-rules"]);
    let all: BTreeSet<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(rules, all, "each rule is broken by some file");
}

#[test]
fn json_has_one_object_a_line() {
    let (code, found, _) =
        run(&["lint", "--json", "--category=MINIMAL", "tests/lint/directory_same_package"]);
    assert_eq!(code, 100);
    let first = found.lines().next().expect("a finding");
    let expected = "{\"path\":\"tests/lint/directory_same_package/v1/one.proto\",\"start_line\":3,\"start_column\":1,\
                    \"end_line\":3,\"end_column\":35,\"type\":\"DIRECTORY_SAME_PACKAGE\",\"message\":";
    assert!(first.starts_with(expected), "{first}");
    assert!(first.ends_with('}'), "{first}");
}

#[test]
fn categories_and_rules_are_chosen() {
    let bad = "syntax = \"proto3\"; package b.v1; message bad {}";
    assert_eq!(rules_broken(bad, &[]), ["PACKAGE_DIRECTORY_MATCH", "MESSAGE_PASCAL_CASE"]);
    assert_eq!(rules_broken(bad, &["--category=MINIMAL"]), ["PACKAGE_DIRECTORY_MATCH"]);
    assert_eq!(rules_broken(bad, &["--rules", "MESSAGE_PASCAL_CASE"]), ["MESSAGE_PASCAL_CASE"]);
    assert_eq!(rules_broken(bad, &["--except=MINIMAL"]), ["MESSAGE_PASCAL_CASE"]);
    let (code, _, stderr) = run(&["lint", "--rules=NO_SUCH_RULE", "tests/lint"]);
    assert_eq!(code, 1);
    assert_eq!(stderr, "There is no rule or category NO_SUCH_RULE. --list-rules shows all.\n");
}

#[test]
fn comments_have_no_say_where_they_must_not() {
    let ignored =
        "syntax = \"proto3\"; package a.v1;\n// buf:lint:ignore MESSAGE_PASCAL_CASE\nmessage bad {}";
    assert!(rules_broken(ignored, &[]).is_empty());
    assert_eq!(rules_broken(ignored, &["--disallow-comment-ignores"]), ["MESSAGE_PASCAL_CASE"]);
}

#[test]
fn what_projects_decide_is_settable() {
    let own = "syntax = \"proto3\"; package a.v1; import \"google/protobuf/empty.proto\";\n\
               enum E { E_NONE = 0; } message M {}\n\
               service Calls {\n\
               rpc One(google.protobuf.Empty) returns (google.protobuf.Empty);\n\
               rpc Two(google.protobuf.Empty) returns (google.protobuf.Empty);\n\
               rpc Same(M) returns (M); }";
    let settings = [
        "--enum-zero-value-suffix=_NONE",
        "--service-suffix=Calls",
        "--rpc-allow-same-request-response",
        "--rpc-allow-google-protobuf-empty-requests",
        "--rpc_allow_google_protobuf_empty_responses",
    ];
    assert_eq!(rules_broken(own, &settings), ["RPC_REQUEST_STANDARD_NAME", "RPC_RESPONSE_STANDARD_NAME"]);
    let with = |without: &str| {
        let args: Vec<&str> = settings.iter().copied().filter(|flag| !flag.starts_with(without)).collect();
        rules_broken(
            own,
            &[args.as_slice(), &["--except=RPC_REQUEST_STANDARD_NAME,RPC_RESPONSE_STANDARD_NAME"]].concat(),
        )
    };
    assert_eq!(with("--enum"), ["ENUM_ZERO_VALUE_SUFFIX"]);
    assert_eq!(with("--service"), ["SERVICE_SUFFIX"]);
    assert_eq!(with("--rpc-allow-same"), ["RPC_REQUEST_RESPONSE_UNIQUE"]);
    assert_eq!(with("--rpc-allow-google"), ["RPC_REQUEST_RESPONSE_UNIQUE"; 2]);
}

#[test]
fn what_does_not_compile_is_no_finding() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("bad.proto");
    fs::write(&file, "syntax = \"proto3\";\nmessage A { B b = 1; }\n").expect("a file");
    let root = folder.path().to_str().expect("UTF-8");
    let (code, stdout, stderr) = run(&["lint", root]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, format!("{}:2:13: \"B\" is not defined.\n", file.display()));
    let (code, stdout, _) = run(&["lint", "--json", root]);
    assert_eq!(code, 1);
    assert!(stdout.contains("\"start_line\":2,\"start_column\":13"), "{stdout}");
    assert!(stdout.contains("\"type\":\"COMPILE\""), "{stdout}");
}

#[test]
fn wrong_arguments_are_explained() {
    for (args, message) in [
        (&["lint"] as &[&str], "Missing input: name .proto files or directories."),
        (&["lint", "--nope"], "Missing value for flag: --nope"),
        (&["lint", "--nope=1"], "Unknown flag: --nope"),
        (&["lint", "--json=1", "x"], "--json does not take a value."),
        (
            &["lint", "--error_format=xml", "x"],
            "Unknown error format: xml. There are text, gcc, msvs and json.",
        ),
        (
            &["lint", "no/such.proto"],
            "Could not make proto path relative: no/such.proto: No such file or directory",
        ),
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, "", format!("{message}\n").as_str()));
    }
}

#[test]
fn help_names_the_commands_and_says_what_they_do_not_check() {
    let (code, stdout, _) = run(&["--help"]);
    assert!(code == 0 && stdout.contains("\n  lint  "), "{stdout}");
    let (code, stdout, _) = run(&["lint", "--help"]);
    assert!(code == 0 && stdout.contains("Not checked: buf's PROTOVALIDATE"), "{stdout}");
}

#[test]
fn a_file_called_lint_is_compiled() {
    let (code, _, stderr) = run(&["./lint", "--descriptor_set_out=/dev/null"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("Could not make proto path relative: ./lint"), "{stderr}");
}
