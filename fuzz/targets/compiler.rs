//! The compiler: sources, descriptors and messages of any content are answered, and what is accepted comes back from
//! its own descriptors unchanged.

#![no_main]

use std::{collections::HashMap, ffi::OsString, io};

use carom_protoc::{Compilation, DescriptorDetail, Loader, MemoryFiles, compile, driver};
use libfuzzer_sys::fuzz_target;

/// Larger inputs only take longer.
const MOST_BYTES: usize = 1 << 16;

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    if rest.len() > MOST_BYTES {
        return;
    }
    match kind % 8 {
        0..=3 => source(rest),
        4 => descriptor(rest),
        5 => run(&["--decode_raw"], rest),
        6 => run(&["--decode=google.protobuf.FileDescriptorSet", DESCRIPTOR], rest),
        _ => run(&["--encode=google.protobuf.FileDescriptorProto", DESCRIPTOR], rest),
    }
});

const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";

/// What a source says does not change when its descriptor is read in its place.
fn source(text: &[u8]) {
    let mut files = MemoryFiles::default();
    files.insert("x.proto", text);
    let Ok(compiled) = compile(["x.proto"], &files) else { return };
    let again = compile(["x.proto"], &Descriptors::of(&compiled));
    let again = again.unwrap_or_else(|found| panic!("its own descriptor is refused:\n{found}"));
    assert!(compiled.file_descriptor_set(true) == again.file_descriptor_set(true), "another descriptor");
}

fn descriptor(bytes: &[u8]) {
    let mut files = Descriptors::default();
    files.by_name.insert("x.proto".to_owned(), bytes.to_vec());
    let _either = compile(["x.proto"], &files).map(|compiled| compiled.file_descriptor_set(true).len());
}

fn run(args: &[&str], mut input: &[u8]) {
    let args = args.iter().map(OsString::from);
    driver::run_on(driver::Options::default(), args, &mut input, &mut io::sink(), &mut io::sink());
}

/// Files of which there are only descriptors.
#[derive(Default)]
struct Descriptors {
    by_name: HashMap<String, Vec<u8>>,
}

impl Descriptors {
    fn of(compiled: &Compilation) -> Self {
        let detail = DescriptorDetail { source_info: true, retain_options: false };
        let files = compiled.files().map(|file| (file.name().to_owned(), file.descriptor(detail)));
        Self { by_name: files.collect() }
    }
}

impl Loader for Descriptors {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(carom_protoc::bundled::bundled(name)
            .filter(|_| !self.by_name.contains_key(name))
            .map(<[u8]>::to_vec))
    }

    fn descriptor(&self, name: &str) -> Option<Vec<u8>> {
        self.by_name.get(name).cloned()
    }
}
