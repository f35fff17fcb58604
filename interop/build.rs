//! Generates the rig's messages and service.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    carom_codegen::compile_protos(&["rig.proto"], &["proto"])?;
    Ok(())
}
