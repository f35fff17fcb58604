//! Generates code outside of a build script, for whoever keeps it in the repository:
//! `cargo run -p carom-codegen --example generate -- OUT_DIR [--json] [--text] [--views] [-I DIR]... FILE...`
//!
//! A file is named by its path or as imports name it; `@LIST` stands for a file that names one a line. `OUT_DIR` gets a
//! file a package, and `protos.rs`, which includes them all in the modules of their names.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out_dir = arguments.next().ok_or("usage: generate OUT_DIR [OPTION]... FILE|@LIST...")?;
    let mut builder = carom_codegen::configure();
    let (mut includes, mut files) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--json" {
            builder = builder.json(true);
        } else if argument == "--text" {
            builder = builder.text(true);
        } else if argument == "--views" {
            builder = builder.views(true);
        } else if argument == "-I" {
            includes.push(PathBuf::from(arguments.next().ok_or("-I needs a directory")?));
        } else if let Some(list) = argument.strip_prefix('@') {
            let names = fs::read_to_string(list).map_err(|error| format!("cannot read {list}: {error}"))?;
            files.extend(names.lines().map(PathBuf::from));
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    builder
        .out_dir(out_dir)
        .include_file("protos.rs")
        .emit_rerun_if_changed(false)
        .compile_protos(&files, &includes)?;
    Ok(())
}
