//! Generates tonic's code for the official cases; the descriptors come from Carom's compiler.

use std::error::Error;

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
    Ok(())
}
