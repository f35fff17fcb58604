use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::run;
use crate::driver::Options;

const UNTIDY: &str = "message  A{}";
const TIDY: &str = "message A {}\n";
const WRONG: &str = "message A {\n  optional int32 a;\n}\n";

/// What a run printed and returned.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn ran_on(args: &[&str], mut stdin: &[u8]) -> Ran {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(Options::default(), &args, &mut stdin, &mut out, &mut err);
    let [out, err] = [out, err].map(|text| String::from_utf8(text).expect("UTF-8"));
    Ran { code, out, err }
}

fn ran(args: &[&str]) -> Ran {
    ran_on(args, b"")
}

/// A directory with one file of each kind.
fn folder() -> (tempfile::TempDir, String, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("tidy.proto", TIDY);
    write("sub/untidy.proto", UNTIDY);
    write(".hidden/untidy.proto", UNTIDY);
    write("notes.txt", "");
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let untidy = folder.path().join("sub/untidy.proto");
    (folder, path, untidy)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

#[test]
fn one_file_and_the_standard_input_are_printed() {
    let (_folder, _, untidy) = folder();
    let ran_file = ran(&[untidy.to_str().expect("UTF-8")]);
    assert_eq!((ran_file.code, ran_file.out.as_str(), ran_file.err.as_str()), (0, TIDY, ""));
    assert_eq!(text(&untidy), UNTIDY);
    let ran_stdin = ran_on(&["-"], UNTIDY.as_bytes());
    assert_eq!((ran_stdin.code, ran_stdin.out.as_str()), (0, TIDY));
}

#[test]
fn check_lists_what_is_not_formatted() {
    let (folder, path, untidy) = folder();
    let found = ran(&["--check", &path]);
    assert_eq!((found.code, found.out, found.err.as_str()), (100, format!("{}\n", untidy.display()), ""));
    let clean = ran(&["--check", folder.path().join("tidy.proto").to_str().expect("UTF-8")]);
    assert_eq!((clean.code, clean.out.as_str()), (0, ""));
    assert_eq!(ran_on(&["--check", "-"], UNTIDY.as_bytes()).code, 100);
}

#[test]
fn write_changes_only_what_is_not_formatted() {
    let (folder, path, untidy) = folder();
    let modified = |name: &str| fs::metadata(folder.path().join(name)).and_then(|data| data.modified());
    let before = modified("tidy.proto").expect("a time");
    let written = ran(&["-w", &path]);
    assert_eq!((written.code, written.out.as_str(), written.err.as_str()), (0, "", ""));
    assert_eq!(text(&untidy), TIDY);
    assert_eq!(text(&folder.path().join(".hidden/untidy.proto")), UNTIDY);
    assert_eq!(modified("tidy.proto").expect("a time"), before);
    assert_eq!(ran(&["--check", &path]).code, 0);
    let names = fs::read_dir(folder.path().join("sub")).expect("a directory").count();
    assert_eq!(names, 1, "nothing is left behind");
}

#[test]
fn a_wrong_file_is_left_alone_and_the_others_are_done() {
    let (folder, path, untidy) = folder();
    let wrong = folder.path().join("wrong.proto");
    fs::write(&wrong, WRONG).expect("written");
    let written = ran(&["-w", &path]);
    let message = format!("{}:2:19: Missing field number.\n", wrong.display());
    assert_eq!((written.code, written.out.as_str(), written.err), (1, "", message));
    assert_eq!((text(&wrong).as_str(), text(&untidy).as_str()), (WRONG, TIDY));
}

#[test]
fn a_diff_shows_what_changes() {
    let found = ran_on(&["-d", "-"], b"message A {}\nmessage  B{}\n");
    let expected = "--- <stdin>\n+++ <stdin>\n@@ -1,2 +1,2 @@\n message A {}\n-message  B{}\n+message B {}\n";
    assert_eq!((found.code, found.out.as_str()), (100, expected));
    assert_eq!(ran_on(&["-d", "-"], TIDY.as_bytes()).code, 0);
}

#[test]
fn json_tells_of_each_file() {
    let (folder, path, _) = folder();
    fs::write(folder.path().join("wrong.proto"), WRONG).expect("written");
    let found = ran(&["--json", &path]);
    let expected = format!(
        "{{\"path\":\"{path}/sub/untidy.proto\",\"changed\":true,\"errors\":[]}}\n\
         {{\"path\":\"{path}/tidy.proto\",\"changed\":false,\"errors\":[]}}\n\
         {{\"path\":\"{path}/wrong.proto\",\"changed\":false,\"errors\":[{{\"line\":2,\"column\":19,\
         \"message\":\"Missing field number.\"}}]}}\n"
    );
    assert_eq!((found.code, found.out, found.err.as_str()), (1, expected, ""));
    let one = ran_on(&["--json", "--diff", "-"], b"message A{} // \"\t\\\n");
    let diff = "--- <stdin>\\n+++ <stdin>\\n@@ -1 +1 @@\\n-message A{} // \\\"\\u0009\\\\\\n\
                +message A {} // \\\"\\u0009\\\\\\n";
    let expected = format!("{{\"path\":\"<stdin>\",\"changed\":true,\"errors\":[],\"diff\":\"{diff}\"}}\n");
    assert_eq!((one.code, one.out), (100, expected));
}

#[test]
fn what_cannot_be_done_is_refused_with_a_word() {
    let (folder, path, _) = folder();
    let refused = |args: &[&str]| {
        let ran = ran(args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        ran.err
    };
    assert!(refused(&[]).starts_with("Missing input"));
    assert!(refused(&[&path]).starts_with("2 files cannot be printed as one"));
    assert!(refused(&["--wrong"]).starts_with("Unknown flag: --wrong."));
    assert!(refused(&["-w", "-"]).starts_with("The standard input cannot be rewritten"));
    assert!(refused(&["--check", "-", &path]).starts_with("The standard input cannot be formatted together"));
    let empty = folder.path().join(".empty");
    fs::create_dir(&empty).expect("made");
    assert!(refused(&["-w", empty.to_str().expect("UTF-8")]).contains("There are no .proto files"));
    let missing = folder.path().join("missing.proto");
    assert_eq!(
        refused(&[missing.to_str().expect("UTF-8")]),
        format!("{}: No such file or directory\n", missing.display())
    );
    // Behind `--` everything is a file.
    assert_eq!(refused(&["--", "--check"]), "--check: No such file or directory\n");
    assert_eq!(ran(&["--help"]).code, 0);
}

#[cfg(unix)]
#[test]
fn permissions_are_kept_and_links_stay_links() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (folder, _, untidy) = folder();
    fs::set_permissions(&untidy, fs::Permissions::from_mode(0o640)).expect("set");
    let link = folder.path().join("link.proto");
    symlink(&untidy, &link).expect("linked");
    assert_eq!(ran(&["-w", link.to_str().expect("UTF-8")]).code, 0);
    assert_eq!(text(&untidy), TIDY);
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(fs::metadata(&untidy).expect("a file").permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let (_folder, _, untidy) = folder();
    let mut permissions = fs::metadata(&untidy).expect("a file").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&untidy, permissions).expect("set");
    let refused = ran(&["-w", untidy.to_str().expect("UTF-8")]);
    let message = format!("{}: Cannot be rewritten: Permission denied: it is read-only\n", untidy.display());
    assert_eq!((refused.code, refused.err), (1, message));
    assert_eq!(text(&untidy), UNTIDY);
}
