//! Generates the messages and services of the protos that the Python examples use too.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    carom_codegen::compile_protos(&["helloworld.proto"], &["../python/helloworld/v2"])?;
    carom_codegen::compile_protos(&["route_guide.proto"], &["../python/route_guide"])?;
    Ok(())
}
