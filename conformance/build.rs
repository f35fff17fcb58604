//! Generates the conformance protocol and the messages that the suite tests with, as a user's build script would.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "conformance/conformance.proto",
        "conformance/messages/test_messages_proto2.proto",
        "conformance/messages/test_messages_proto3.proto",
        "conformance/messages/test_messages_proto2_editions.proto",
        "conformance/messages/test_messages_proto3_editions.proto",
        "conformance/messages/test_messages_edition2023.proto",
    ];
    carom_codegen::configure()
        .json(true)
        .text(true)
        .register_types(true)
        .include_file("protos.rs")
        .compile_protos(&files, &["proto"])?;
    Ok(())
}
