//! Each option by path, seen from the code that uses what it made.

use std::collections::BTreeMap;

use buffa::{Message, MessageField};
use buffa_types::google::protobuf::Timestamp;
use bytes::Bytes;
use carom::server::Service;
use carom::{Request, Response, Status};

use carom_testing_codegen::options::shop::order::{Card, Payment};
use carom_testing_codegen::options::shop::shop_server::{Shop, ShopServer};
use carom_testing_codegen::options::shop::{Color, Order, Picture};
use carom_testing_codegen::parts::{Cash, Part};
use carom_testing_codegen::{Id, List};

fn picture() -> Picture {
    Picture { pixels: Bytes::from_static(b"px"), thumbnail: b"small".to_vec(), ..Default::default() }
}

fn order() -> Order {
    Order {
        id: Id::from("o-1"),
        labels: BTreeMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]),
        items: List::from(vec!["nail".to_owned()]),
        picture: picture().into(),
        part: Part { number: 7, ..Default::default() }.into(),
        price: Cash { cents: 250, ..Default::default() }.into(),
        at: Timestamp { seconds: 9, ..Default::default() }.into(),
        // Not in a box, as the other one is.
        payment: Some(Payment::Card(Card { number: "42".to_owned(), ..Default::default() })),
        ..Default::default()
    }
}

#[test]
fn types_are_as_asked_for_and_go_over_the_wire() {
    let order = order();
    let _in_a_box: &MessageField<Picture, Box<Picture>> = &order.picture;
    assert_eq!(Order::decode_from_slice(&order.encode_to_vec()).expect("it decodes"), order);
    let cash = Order { payment: Some(Payment::Cash(Box::default())), ..Default::default() };
    assert_eq!(Order::decode_from_slice(&cash.encode_to_vec()).expect("it decodes"), cash);
}

#[test]
fn attributes_are_where_they_were_put() {
    assert!(Color::COLOR_UNSPECIFIED < Color::COLOR_RED, "by type_attribute, Ord by enum_attribute");
    assert_eq!(Color::COLOR_RED.max(Color::COLOR_UNSPECIFIED), Color::COLOR_RED);
    #[expect(deprecated, reason = "the attribute that field_attribute put there")]
    let note = order().note;
    assert_eq!(note, "");
    #[expect(unused_must_use, reason = "the attribute that message_attribute put there")]
    picture();
}

struct Seller;

impl Shop for Seller {
    async fn buy(&self, request: Request<Order>) -> Result<Response<Cash>, Status> {
        Ok(Response::new(request.into_inner().price.into_option().unwrap_or_default()))
    }
}

#[test]
fn services_use_types_from_elsewhere() {
    assert_eq!(ShopServer::new(Seller).name(), "shop.Shop");
}
