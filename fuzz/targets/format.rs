//! The formatter: whatever parses is formatted, formats to itself, and compiles to the same descriptors.

#![no_main]

use carom_protoc::{MemoryFiles, compile, fmt};
use libfuzzer_sys::fuzz_target;

/// Larger inputs only take longer.
const MOST_BYTES: usize = 1 << 14;

fuzz_target!(|input: &[u8]| {
    if input.len() > MOST_BYTES {
        return;
    }
    // That nothing is lost the formatter asserts itself.
    let Ok(once) = fmt::format("x.proto", input.to_vec()) else { return };
    let twice = fmt::format("x.proto", once.clone());
    let twice = twice.unwrap_or_else(|found| panic!("what was formatted is refused:\n{found}"));
    assert!(once == twice, "{}\n--- formats to ---\n{}", shown(&once), shown(&twice));
    let Some(before) = descriptor(input) else { return };
    let after =
        descriptor(&once).unwrap_or_else(|| panic!("what was formatted does not compile:\n{}", shown(&once)));
    assert!(before == after, "another descriptor:\n{}", shown(&once));
});

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The bytes of a file's descriptor, sorted: the order of imports and options changes, and the indices of imports do.
fn descriptor(text: &[u8]) -> Option<Vec<u8>> {
    let mut files = MemoryFiles::default();
    files.insert("x.proto", text);
    let mut set = compile(["x.proto"], &files).ok()?.file_descriptor_set(false);
    if text.windows(6).any(|word| word == b"import") {
        set.clear();
    }
    set.sort_unstable();
    Some(set)
}
