//! Generates the two services that are measured.

fn main() -> Result<(), carom_codegen::Error> {
    // Payloads by reference, as the peers that this is measured against have them.
    carom_codegen::configure()
        .bytes(["."])
        .compile_protos(&["proto/helloworld.proto", "proto/bench.proto"], &["proto"])
}
