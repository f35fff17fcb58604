//! Generates tonic's code for the official cases; the descriptors come from Carom's compiler. For the tests, the messages
//! and services of Carom by prost, and tonic's services on the same messages.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use carom_protoc::IncludePaths;
use prost::Message;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    const PROTOS: &str = "../../proto";
    println!("cargo:rerun-if-changed={PROTOS}");
    let files = ["empty", "messages", "test"].map(|name| format!("grpc/testing/{name}.proto"));
    let includes = IncludePaths::directories(&[PROTOS]);
    let compiled = carom_protoc::compile(&files, &includes).map_err(|found| format!("{found:?}"))?;
    let set = FileDescriptorSet::decode(&compiled.file_descriptor_set(false)[..])?;
    tonic_prost_build::configure().compile_fds(set)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    carom_codegen::configure()
        .messages(carom_codegen::Messages::Prost)
        .out_dir(out.join("carom"))
        .file_descriptor_set_path(out.join("chat.bin"))
        .compile_protos(&["chat.proto"], &["proto"])?;
    let set = FileDescriptorSet::decode(&fs::read(out.join("chat.bin"))?[..])?;
    fs::create_dir_all(out.join("tonic"))?;
    tonic_prost_build::configure()
        .extern_path(".chat", "crate::chat")
        .out_dir(out.join("tonic"))
        .compile_fds(set)?;
    Ok(())
}
