//! Generates the rig's messages and service, and those of the official interop cases.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    carom_codegen::compile_protos(
        &["rig.proto", "grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto"],
        &["proto"],
    )?;
    Ok(())
}
