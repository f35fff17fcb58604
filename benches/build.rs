//! Generates the two services that are measured.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    carom_codegen::compile_protos(&["proto/helloworld.proto", "proto/bench.proto"], &["proto"])?;
    Ok(())
}
