//! Outputs compared with protoc's, byte for byte.
//!
//! What protoc made is committed below `tests/golden`. To make it anew, name a Python that has grpcio-tools, whose
//! generated code it is, and a protoc of version 36, whose refusals they are:
//! `CAROM_PROTOC_REFERENCE=.venv/bin/python CAROM_PROTOC_BINARY=protoc cargo test -p carom-protoc --test golden`.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use carom_protoc::{Compilation, IncludePaths, MemoryFiles, bundled, compile, driver};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The Python of the real tool, where goldens are to be made anew.
fn reference() -> Option<OsString> {
    env::var_os("CAROM_PROTOC_REFERENCE")
}

/// Runs the real protoc in a directory; returns its messages and whether it succeeded.
fn protoc(python: &OsString, directory: &Path, args: &[String]) -> (String, bool) {
    let python =
        fs::canonicalize(Path::new(python).parent().expect("a path")).expect("the Python's directory");
    let output = Command::new(python.join("python"))
        .args(["-m", "grpc_tools.protoc"])
        .args(args)
        .current_dir(directory)
        .output()
        .expect("python runs");
    (String::from_utf8(output.stderr).expect("messages are UTF-8"), output.status.success())
}

/// The protoc whose refusals are compared, where goldens are to be made anew.
fn reference_binary() -> Option<OsString> {
    env::var_os("CAROM_PROTOC_BINARY")
}

/// A message without its place, where it has one: `file: message`.
fn without_place(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    let (file, line_number, column, message) = (parts.next(), parts.next(), parts.next(), parts.next());
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    match (file, message) {
        (Some(file), Some(message)) if is_number(line_number) && is_number(column) => {
            format!("{file}:{message}")
        }
        _ => line.to_owned(),
    }
}

/// The names of the `.proto` files below a directory.
fn protos(directory: &Path) -> Vec<String> {
    fn collect(directory: &Path, prefix: &str, out: &mut Vec<String>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), out);
            } else if name.ends_with(".proto") {
                out.push(name);
            }
        }
    }
    let mut out = Vec::new();
    collect(directory, "", &mut out);
    out.sort();
    assert!(!out.is_empty(), "no .proto files in {}", directory.display());
    out
}

/// All files below a directory with their content.
fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(directory: &Path, prefix: &str, out: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), out);
            } else {
                out.insert(name, fs::read(entry.path()).expect("a file"));
            }
        }
    }
    let mut out = BTreeMap::new();
    collect(directory, "", &mut out);
    out
}

fn output_args(include: &Path, out: &Path, files: &[String]) -> Vec<String> {
    let out = out.display();
    let mut args = vec![
        format!("-I{}", include.display()),
        format!("-I{}", Path::new(env!("CARGO_MANIFEST_DIR")).join("proto").display()),
        format!("--python_out={out}"),
        format!("--pyi_out={out}"),
        format!("--grpc_python_out={out}"),
        format!("--descriptor_set_out={out}/set.bin"),
        "--include_imports".to_owned(),
        "--include_source_info".to_owned(),
    ];
    args.extend_from_slice(files);
    args
}

/// Compares all outputs for the files of a directory with the goldens of that name.
fn compare_outputs(name: &str, directory: &Path, files: &[String]) {
    let golden = tests().join("golden").join(name);
    if let Some(python) = reference() {
        if golden.exists() {
            fs::remove_dir_all(&golden).expect("old goldens go");
        }
        fs::create_dir_all(&golden).expect("a directory for goldens");
        let (messages, done) = protoc(&python, directory, &output_args(directory, &golden, files));
        assert!(done, "protoc refuses what it should accept: {messages}");
    }
    let out = tempfile::tempdir().expect("a directory");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let args = output_args(directory, out.path(), files).into_iter().map(OsString::from);
    let code = driver::run(args, &mut stdout, &mut stderr);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&stderr));
    let (made, wanted) = (tree(out.path()), tree(&golden));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&wanted));
    for (file, content) in &wanted {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if file.ends_with(".bin") {
            assert!(made[file] == *content, "{name}/{file} differs");
        } else {
            assert_eq!(text(&made[file]), text(content), "{name}/{file}");
        }
    }
}

#[test]
fn outputs_for_the_language_are_those_of_protoc() {
    let directory = tests().join("valid");
    compare_outputs("valid", &directory, &protos(&directory));
}

#[test]
fn outputs_for_the_well_known_types_are_those_of_protoc() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files: Vec<String> = bundled::names().map(str::to_owned).collect();
    compare_outputs("well_known", &directory, &files);
}

#[test]
fn refusals_are_those_of_protoc() {
    let directory = tests().join("invalid");
    let goldens = tests().join("golden").join("invalid.txt");
    let files: Vec<String> =
        protos(&directory).into_iter().filter(|file| !file.starts_with("support/")).collect();
    assert!(files.len() >= 400, "a rule each, and there are many rules");
    if let Some(binary) = reference_binary() {
        let mut text = String::new();
        for file in &files {
            let include = format!("-I{}", Path::new(env!("CARGO_MANIFEST_DIR")).join("proto").display());
            let output = Command::new(&binary)
                .args(["-I.", &include, "-o/dev/null", file])
                .current_dir(&directory)
                .output()
                .expect("protoc runs");
            let verdict = if output.status.success() { "accepted" } else { "refused" };
            text += &format!("== {file}\n{}{verdict}\n", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(&goldens, text).expect("goldens are written");
    }
    let text = fs::read_to_string(&goldens).expect("goldens");
    let golden: BTreeMap<&str, &str> = text.split("== ").filter_map(|part| part.split_once('\n')).collect();
    for file in &files {
        let wanted = golden.get(file.as_str()).unwrap_or_else(|| panic!("{file} has no golden"));
        let made = match compile([file], &IncludePaths::directories([&directory])) {
            Ok(compilation) => format!("{}accepted\n", compilation.warnings()),
            Err(diagnostics) => format!("{diagnostics}refused\n"),
        };
        // Some places are known here that protoc does not know.
        let wanted_lines: Vec<&str> = wanted.lines().collect();
        let shown = |line: &str| {
            let placeless = without_place(line);
            let known = wanted_lines.contains(&line);
            if !known && wanted_lines.contains(&placeless.as_str()) { placeless } else { line.to_owned() }
        };
        let made: Vec<String> = made.lines().map(shown).collect();
        assert_eq!(made.join("\n"), wanted_lines.join("\n"), "{file}");
    }
}

#[test]
fn descriptors_are_read_and_written_by_the_descriptor_types() {
    use buffa::Message as _;
    use buffa_descriptor::generated::descriptor::FileDescriptorSet;

    let directory = tests().join("valid");
    let compilation: Compilation =
        compile(protos(&directory), &IncludePaths::directories([&directory])).expect("valid files");
    let bytes = compilation.file_descriptor_set(true);
    let set = FileDescriptorSet::decode_from_slice(&bytes).expect("a descriptor set");
    assert_eq!(set.file.len(), compilation.files().count());
    let names: Vec<&str> = set.file.iter().filter_map(|file| file.name.as_deref()).collect();
    let position = |name: &str| names.iter().position(|known| *known == name).expect("a file of the set");
    for file in compilation.files() {
        for import in file.imports() {
            assert!(position(import) < position(file.name()), "{import} comes before {}", file.name());
        }
    }
}

/// The checks are left out for a bundled file that stands by itself: they are made here, of a text that is not quite it.
#[test]
fn bundled_files_pass_every_check() {
    let mut compared = 0;
    for name in bundled::names() {
        let text = bundled::bundled(name).expect("a bundled file");
        let mut files = MemoryFiles::default();
        files.insert(name, text);
        let own = compile([name], &files).expect("a bundled file compiles");
        files.insert(name, [text, b"\n"].concat());
        let changed = compile([name], &files).expect("a bundled file passes the checks");
        assert!(changed.warnings().is_empty(), "{name}: {:?}", changed.warnings());
        assert_eq!(own.file_descriptor_set(false), changed.file_descriptor_set(false), "{name}");
        compared += 1;
    }
    assert!(compared >= 20, "{compared} files");
}
