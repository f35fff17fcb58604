//! `carom-protoc breaking` over the two versions of the files below `tests/breaking`, each rule broken by at least one.
//!
//! The golden findings are `tests/breaking.txt` for the way there and `tests/breaking-back.txt` for the way back;
//! `CAROM_REFRESH=1 cargo test -p carom-protoc --test breaking` writes them anew. That buf finds the same is compared by
//! `cargo xtask protoc-compare`.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use carom_protoc::{commands, driver};

const ALL: &str = "--category=FILE,PACKAGE,WIRE_JSON,WIRE";

/// Runs the program in this crate's directory; returns the exit code and both outputs.
fn run(args: &[&str]) -> (i32, String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let args = args.iter().map(Into::into);
    let code = commands::run(driver::Options::default(), args, &mut stdout, &mut stderr);
    let text = |bytes| String::from_utf8(bytes).expect("outputs are UTF-8");
    (code, text(stdout), text(stderr))
}

fn compare(category: &str, old: &str, new: &str, golden: &str) -> String {
    let (code, found, stderr) = run(&["breaking", category, &format!("--against=tests/breaking/{old}"), new]);
    assert_eq!((code, stderr.as_str()), (100, ""));
    if env::var_os("CAROM_REFRESH").is_some() {
        fs::write(golden, &found).expect("the golden is written");
    }
    let expected = fs::read_to_string(golden).expect("the golden is there");
    let differ = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(differ, None, "the first finding that is not as in {golden}");
    assert_eq!(found.lines().count(), expected.lines().count());
    found
}

#[test]
fn all_rules_find_what_the_golden_says() {
    let there = compare(ALL, "before", "tests/breaking/after", "tests/breaking.txt");
    compare("--category=WIRE", "after", "tests/breaking/before", "tests/breaking-back.txt");
    let rules: BTreeSet<&str> = there.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    let (_, table, _) = run(&["breaking", "--list-rules"]);
    let all: BTreeSet<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(rules, all, "each rule is broken by some file");
    // A good file keeps the rule that its folder is named after; it may break others.
    let breaks_its_own = |line: &&str| {
        let (file, rule) = (line.split(':').next().unwrap_or_default(), line.split(": ").nth(1));
        let folder = file.split('/').nth(3).unwrap_or_default().to_uppercase();
        file.contains("/good") && rule.is_some_and(|rule| folder == rule)
    };
    assert_eq!(there.lines().find(breaks_its_own), None);
}

#[test]
fn nothing_has_changed_against_itself() {
    let (code, found, stderr) =
        run(&["breaking", ALL, "--against=tests/breaking/after", "tests/breaking/after"]);
    assert_eq!((code, found.as_str(), stderr.as_str()), (0, "", ""));
}

/// Two versions of one file in a folder of their own.
struct Sources {
    folder: tempfile::TempDir,
}

const OLD: &str = "syntax = \"proto3\";\npackage a;\nimport \"google/protobuf/empty.proto\";\n\
                   message A { int32 one = 1; google.protobuf.Empty two = 2; }\n";
const NEW: &str = "syntax = \"proto3\";\npackage a;\nimport \"google/protobuf/empty.proto\";\n\
                   message A { int64 one = 1; google.protobuf.Empty two = 2; }\n";

impl Sources {
    /// With `proto/a.proto`.
    fn new(text: &str) -> Self {
        let sources = Self { folder: tempfile::tempdir().expect("a directory") };
        sources.write("proto/a.proto", text);
        sources
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn git(&self, args: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"];
        let mut git = Command::new("git");
        git.args(identity).args(args).current_dir(&self.folder);
        // A hook that runs these tests has these for its own repository.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        let output = git.output().expect("git is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit_all(&self, name: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=x"]);
        self.git(&["tag", name]);
    }

    /// Compares with the rules of binary and JSON data; returns the places and rules.
    fn breaking(&self, against: &str, inputs: &[&str]) -> Vec<String> {
        let against = format!("--against={against}");
        let args = [&["breaking", "--category=WIRE_JSON", "--error_format=msvs", &against], inputs].concat();
        let (code, stdout, stderr) = run(&args);
        assert_eq!(stderr, "");
        assert_eq!(code, if stdout.is_empty() { 0 } else { 100 });
        let short =
            |line: &str| line.split(" : ").take(2).collect::<Vec<_>>().join(" ").replace(&self.path(""), "");
        stdout.lines().map(short).collect()
    }
}

const CHANGED: [&str; 1] = ["proto/a.proto(4,13) error FIELD_WIRE_JSON_COMPATIBLE_TYPE"];

#[test]
fn a_directory_is_compared_with() {
    let (old, new) = (Sources::new(OLD), Sources::new(NEW));
    assert_eq!(new.breaking(&old.path("proto"), &[&new.path("proto")]), CHANGED);
    let include = format!("-I{}", new.path("proto"));
    assert_eq!(new.breaking(&old.path("proto"), &[&include, &new.path("proto/a.proto")]), CHANGED);
}

#[test]
fn what_the_old_directory_imports_is_found_on_the_include_path() {
    let text =
        OLD.replace("google/protobuf/empty.proto", "other.proto").replace("google.protobuf.Empty", "Other");
    let (old, new) = (Sources::new(&text), Sources::new(&text.replace("int32", "int64")));
    new.write("third_party/other.proto", "syntax = \"proto3\"; message Other {}");
    let (own, other) = (format!("-I{}", new.path("proto")), format!("-I{}", new.path("third_party")));
    assert_eq!(new.breaking(&old.path("proto"), &[&own, &other, &new.path("proto")]), CHANGED);
}

#[test]
fn a_descriptor_set_is_compared_with() {
    let (old, new) = (Sources::new(OLD), Sources::new(NEW));
    let include = format!("-I{}", old.path("proto"));
    for imports in [&[][..], &["--include_imports"]] {
        let set = old.path("old.binpb");
        let out = format!("--descriptor_set_out={set}");
        let (code, _, stderr) = run(&[imports, &[&include, &out, &old.path("proto/a.proto")]].concat());
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert_eq!(new.breaking(&set, &[&new.path("proto")]), CHANGED);
    }
    let (code, _, stderr) = run(&["breaking", "--against", &old.path("proto/a.proto"), &new.path("proto")]);
    let message = format!(
        "{}: This is no FileDescriptorSet, as --descriptor_set_out writes it.\n",
        old.path("proto/a.proto")
    );
    assert_eq!((code, stderr), (1, message));
}

#[test]
fn a_revision_is_compared_with() {
    let sources = Sources::new(OLD);
    sources.write("proto/gone.proto", "syntax = \"proto3\"; package a; message Gone {}");
    sources.write("elsewhere/b.proto", "this does not compile, and nobody asks for it");
    sources.git(&["init", "--quiet"]);
    sources.commit_all("first");
    sources.write("proto/a.proto", NEW);
    fs::remove_file(sources.path("proto/gone.proto")).expect("the file goes");
    assert_eq!(sources.breaking("first", &[&sources.path("proto")]), CHANGED);
    assert_eq!(sources.breaking("HEAD", &[&sources.path("proto")]), CHANGED);
    let (include, file) = (format!("-I{}", sources.path("proto")), sources.path("proto/a.proto"));
    assert_eq!(sources.breaking("HEAD", &[&include, &file]), CHANGED);
    sources.commit_all("second");
    assert!(sources.breaking("second", &[&sources.path("proto")]).is_empty());
    let (code, stdout, _) = run(&["breaking", "--against=first", &sources.path("proto")]);
    assert_eq!(code, 100);
    assert!(
        stdout.starts_with("<deleted>:1:1: FILE_NO_DELETE: the file \"gone.proto\" was deleted;"),
        "{stdout}"
    );
}

#[test]
fn an_unknown_revision_is_explained() {
    let sources = Sources::new(OLD);
    sources.git(&["init", "--quiet"]);
    sources.commit_all("first");
    for revision in ["no-such-revision", "first:proto", "a..b"] {
        let against = format!("--against={revision}");
        let (code, stdout, stderr) = run(&["breaking", &against, &sources.path("proto")]);
        assert_eq!((code, stdout.as_str()), (1, ""));
        let start = format!(
            "--against={revision}: There is no such file or directory, and git knows no such revision in "
        );
        assert!(stderr.starts_with(&start), "{stderr}");
    }
    let (code, _, stderr) = run(&["breaking", "--against=--output=x", &sources.path("proto")]);
    let message = "--against=--output=x: This is no file, no directory and no revision.\n";
    assert_eq!((code, stderr.as_str()), (1, message));
    let (code, _, stderr) = run(&["breaking", &sources.path("proto")]);
    assert_eq!((code, stderr.as_str()), (1, "Missing flag: --against=FILE|DIRECTORY|REVISION\n"));
}

#[test]
fn a_missing_git_is_explained() {
    let sources = Sources::new(OLD);
    let mut program = Command::new(env!("CARGO_BIN_EXE_carom-protoc"));
    program.args(["breaking", "--against=main", &sources.path("proto")]).env("PATH", sources.path("nothing"));
    let output = program.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let message = "git is not installed, or not in the path: it is needed to compare with a revision.\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), message);
}

#[test]
fn the_environment_of_a_hook_does_not_lead_astray() {
    let sources = Sources::new(OLD);
    sources.git(&["init", "--quiet"]);
    sources.commit_all("first");
    sources.write("proto/a.proto", NEW);
    let mut program = Command::new(env!("CARGO_BIN_EXE_carom-protoc"));
    program
        .args(["breaking", "--against=first", "proto"])
        .current_dir(&sources.folder)
        .env("GIT_DIR", "no-such");
    let output = program.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(100), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn sources_outside_of_a_repository_are_explained() {
    let sources = Sources::new(OLD);
    let (code, _, stderr) = run(&["breaking", "--against=main", &sources.path("proto")]);
    assert_eq!(code, 1);
    assert!(stderr.contains("is in no git repository"), "{stderr}");
}

#[test]
fn an_old_version_that_does_not_compile_is_named() {
    let (old, new) = (Sources::new("syntax = \"proto3\";\nmessage A { B b = 1; }\n"), Sources::new(NEW));
    let (code, stdout, stderr) = run(&["breaking", "--against", &old.path("proto"), &new.path("proto")]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, format!("{}:2:13: \"B\" is not defined.\n", old.path("proto/a.proto")));
    old.git(&["init", "--quiet"]);
    old.commit_all("bad");
    old.write("proto/a.proto", NEW);
    let (code, _, stderr) = run(&["breaking", "--against=bad", &old.path("proto")]);
    assert_eq!((code, stderr.as_str()), (1, "bad:a.proto:2:13: \"B\" is not defined.\n"));
}
