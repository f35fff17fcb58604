//! Generates what the tests call: one set of files by prost, another with each of the options by path.

use std::env;
use std::path::PathBuf;

use carom_codegen::Messages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);

    carom_codegen::configure()
        .messages(Messages::Prost)
        .type_attribute("units.type", "#[derive(PartialOrd)]")
        .field_attribute("kinds.Question.text", "#[doc(alias = \"words\")]")
        .bytes(["."])
        .btree_map(["kinds"])
        .prost_config(|config| {
            config.enable_type_names();
        })
        .out_dir(out.join("prost"))
        .include_file("protos.rs")
        .compile_protos(&["more_kinds.proto", "bare.proto"], &["../../crates/codegen/tests/protos"])?;

    // The package of another crate, made on its own.
    carom_codegen::configure().out_dir(out.join("parts")).compile_protos(&["parts.proto"], &["protos"])?;

    carom_codegen::configure()
        .extern_path("google.protobuf", "::buffa_types::google::protobuf")
        .extern_path("parts.v1", "crate::parts")
        .extern_path("shop.Money", "crate::parts::Cash")
        .type_attribute("shop.Color", "#[derive(PartialOrd)]")
        .message_attribute("shop.Picture", "#[must_use]")
        .enum_attribute("shop", "#[derive(Ord)]")
        .oneof_attribute("shop.Order.payment", "#[must_use]")
        .field_attribute("shop.Order.note", "#[deprecated]")
        .bytes(["shop.Picture.pixels"])
        .string_type("shop.Order.id", "crate::Id")
        .btree_map(["shop.Order.labels"])
        .repeated_type("shop.Order.items", "crate::List<*>")
        .boxed("shop.Order.picture")
        .unboxed("shop.Order.payment.card")
        .client_attribute("shop.Shop", "#[doc(alias = \"buyer\")]")
        .client_mod_attribute("shop.Shop", "#[cfg(test)]")
        .server_attribute("shop", "#[doc(alias = \"seller\")]")
        .server_mod_attribute("shop.Closed", "#[cfg(any())]")
        .trait_attribute(".", "#[diagnostic::on_unimplemented(note = \"write the methods of the shop\")]")
        .out_dir(out.join("options"))
        .include_file("protos.rs")
        .compile_protos(&["shop.proto"], &["protos"])?;
    Ok(())
}
