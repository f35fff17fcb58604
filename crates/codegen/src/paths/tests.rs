use std::path::PathBuf;

use crate::front;
use crate::{Builder, configure};

/// The warnings about paths of the options that `change` sets, for a file with one element of each kind.
fn warnings(change: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    const TEXT: &str = "syntax = \"proto3\"; package shop;
        message Order {
            string id = 1; bytes raw = 2; map<string, Part> parts = 3; repeated int32 codes = 4; Part part = 5;
            oneof payment { Part card = 6; bool cash = 7; }
            optional Part spare = 8;
        }
        message Part { int32 number = 1; }
        enum Color { NONE = 0; }
        service Shop { rpc Buy(Order) returns (Part); }";
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("shop.proto");
    std::fs::write(&file, TEXT).expect("it can be written");
    let compiled = front::compile(&[file], &[PathBuf::from(folder.path())]).expect("it compiles");
    let files: Vec<_> = compiled.set.file.iter().collect();
    change(configure()).unmatched(&compiled.set.file, &files)
}

#[test]
fn paths_that_fit_are_not_told() {
    let none = warnings(|builder| {
        builder
            .extern_path("shop", "::shop")
            .extern_path("shop.Color", "::Color")
            .type_attribute("shop.Order.payment", "#[x]")
            .message_attribute(".shop.Order", "#[x]")
            .enum_attribute("shop", "#[x]")
            .oneof_attribute("shop.Order", "#[x]")
            .field_attribute("shop.Order.id", "#[x]")
            .field_attribute("shop.Order.spare", "#[x]")
            .field_attribute("shop.Order.payment.cash", "#[x]")
            .bytes(["shop.Order.raw"])
            .string_type("shop.Order.id", "X")
            .btree_map(["shop.Order.parts"])
            .repeated_type("shop.Order.codes", "X<*>")
            .boxed("shop.Order.part")
            .boxed("shop.Order.payment.card")
            .unboxed("shop.Order.payment.card")
            .client_attribute("shop.Shop", "#[x]")
            .trait_attribute("shop", "#[x]")
            // Everything, of which there need not be any.
            .repeated_type(".", "X<*>")
    });
    assert!(none.is_empty(), "{none:#?}");
}

#[test]
fn each_path_that_fits_nothing_is_told() {
    type Slip = fn(Builder) -> Builder;
    let slips: [(&str, Slip); 18] = [
        ("extern_path(\".shops\"", |builder| builder.extern_path("shops", "::shop")),
        ("type_attribute(\".shop.Shop\"", |builder| builder.type_attribute("shop.Shop", "#[x]")),
        ("message_attribute(\".shop.Color\"", |builder| builder.message_attribute("shop.Color", "#[x]")),
        ("enum_attribute(\".shop.Order\"", |builder| builder.enum_attribute("shop.Order", "#[x]")),
        ("oneof_attribute(\".shop.Part\"", |builder| builder.oneof_attribute("shop.Part", "#[x]")),
        ("field_attribute(\".shop.Order.di\"", |builder| builder.field_attribute("shop.Order.di", "#[x]")),
        ("field_attribute(\".shop.Order.cash\"", |builder| {
            builder.field_attribute("shop.Order.cash", "#[x]")
        }),
        ("bytes(\".shop.Order.id\"", |builder| builder.bytes(["shop.Order.id"])),
        ("string_type(\".shop.Order.raw\"", |builder| builder.string_type("shop.Order.raw", "X")),
        ("map_type(\".shop.Order.codes\"", |builder| builder.btree_map(["shop.Order.codes"])),
        ("repeated_type(\".shop.Order.parts\"", |builder| builder.repeated_type("shop.Order.parts", "X<*>")),
        ("boxed(\".shop.Order.parts\"", |builder| builder.boxed("shop.Order.parts")),
        ("unboxed(\".shop.Order.part\"", |builder| builder.unboxed("shop.Order.part")),
        ("client_attribute(\".shop.Order\"", |builder| builder.client_attribute("shop.Order", "#[x]")),
        ("client_mod_attribute(\".Shop\"", |builder| builder.client_mod_attribute("Shop", "#[x]")),
        ("server_attribute(\".shop.S\"", |builder| builder.server_attribute("shop.S", "#[x]")),
        ("server_mod_attribute(\".shop.Shop.Buy\"", |builder| {
            builder.server_mod_attribute("shop.Shop.Buy", "#[x]")
        }),
        ("trait_attribute(\".x\"", |builder| builder.trait_attribute("x", "#[x]")),
    ];
    for (expected, slip) in slips {
        let told = warnings(slip);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{expected}: {told:?}");
    }
}
