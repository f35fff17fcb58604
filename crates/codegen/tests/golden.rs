//! The generated code of `tests/protos`, compared with what lies in `tests/golden`. `tests/calls.rs` compiles and runs
//! that. After a change of the generator: `CAROM_REFRESH_GOLDEN=1 cargo test -p carom-codegen --test golden`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use buffa::Message;
use buffa_descriptor::generated::descriptor::FileDescriptorSet;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn names(directory: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    entries.map(|entry| entry.expect("it can be listed").file_name()).collect()
}

#[test]
fn the_generated_code_is_the_expected_one() {
    let set = fs::read(Path::new(GOLDEN).join("protos.bin")).expect("the descriptors are there");
    let set = FileDescriptorSet::decode_from_slice(&set).expect("they are descriptors");
    let fresh = tempfile::tempdir().expect("a directory");
    carom_codegen::configure()
        .out_dir(fresh.path())
        .include_file("protos.rs")
        .file_descriptor_set_path(fresh.path().join("protos.bin"))
        .compile_descriptor_set(&set)
        .expect("code is generated");

    if std::env::var_os("CAROM_REFRESH_GOLDEN").is_some() {
        for name in names(fresh.path()) {
            fs::copy(fresh.path().join(&name), Path::new(GOLDEN).join(&name)).expect("it can be copied");
        }
    }
    assert_eq!(names(fresh.path()), names(Path::new(GOLDEN)), "the same files");
    for name in names(fresh.path()) {
        let expected = fs::read(Path::new(GOLDEN).join(&name)).expect("it can be read");
        let actual = fs::read(fresh.path().join(&name)).expect("it can be read");
        if let (Ok(expected), Ok(actual)) = (str::from_utf8(&expected), str::from_utf8(&actual)) {
            let differs = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
            assert!(expected == actual, "{name:?} differs from line {:?} on", differs.map(|line| line + 1));
        }
        assert!(expected == actual, "{name:?} differs");
    }
}
