//! Any bytes as files of a protobuf program: they are compiled or refused with diagnostics, and what was compiled can be
//! written down.

#![no_main]

use carom_protoc::{MemoryFiles, compile};
use libfuzzer_sys::fuzz_target;

/// Stands between two files: a byte that no source has a use for.
const NEXT_FILE: u8 = 0x01;
const NAMES: [&str; 4] = ["a.proto", "b.proto", "c.proto", "d/e.proto"];

fuzz_target!(|input: &[u8]| {
    let mut files = MemoryFiles::default();
    let mut given = Vec::new();
    for (name, text) in NAMES.into_iter().zip(input.split(|byte| *byte == NEXT_FILE)) {
        files.insert(name, text);
        given.push(name);
    }
    let compilation = match compile(&given, &files) {
        Ok(compilation) => compilation,
        Err(diagnostics) => {
            assert!(diagnostics.has_errors());
            for diagnostic in diagnostics.iter() {
                assert!(!diagnostic.render_with_source().is_empty());
            }
            assert!(!diagnostics.to_string().is_empty());
            return;
        }
    };
    assert!(!compilation.warnings().has_errors());
    assert_eq!(compilation.requested().count(), given.len());
    let set = compilation.file_descriptor_set(true);
    let mut rest = set.len();
    for file in compilation.requested() {
        let descriptor = file.descriptor(true);
        assert!(descriptor.len() >= file.descriptor(false).len());
        rest = rest.checked_sub(descriptor.len()).expect("the set holds each file");
        for import in file.imports() {
            let _ = file.imports_publicly(import);
        }
    }
});
