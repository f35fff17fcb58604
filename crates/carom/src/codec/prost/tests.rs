use bytes::{BufMut, Bytes, BytesMut};
use carom_wire::Code;

use super::ProstCodec;
use crate::codec::{Codec, SHARE_FROM};

/// `message Picture { string name = 1; bytes pixels = 2; Picture frame = 3; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Picture {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    pixels: Bytes,
    #[prost(message, optional, boxed, tag = "3")]
    frame: Option<Box<Picture>>,
}

type PictureCodec = ProstCodec<Picture, Picture>;

fn picture(pixels: usize) -> Picture {
    Picture { name: "é".to_owned(), pixels: vec![7; pixels].into(), frame: None }
}

#[test]
fn what_is_encoded_is_decoded() {
    let codec = PictureCodec::new();
    for pixels in [0, 10, SHARE_FROM * 2] {
        let mut out = BytesMut::from(&b"before"[..]);
        codec.encode(&picture(pixels), &mut out).unwrap();
        assert_eq!(&out[..6], b"before", "what was in the buffer stays");
        let message = out.freeze().slice(6..);
        assert_eq!(codec.decode(message).unwrap(), picture(pixels));
    }
}

#[test]
fn bytes_of_large_messages_are_shared_and_of_small_ones_are_not() {
    let codec = PictureCodec::new();
    for (pixels, shared) in [(SHARE_FROM, true), (100, false)] {
        let mut out = BytesMut::new();
        codec.encode(&picture(pixels), &mut out).unwrap();
        let message = out.freeze();
        let decoded = codec.decode(message.clone()).unwrap();
        assert_eq!(message.as_ptr_range().contains(&decoded.pixels.as_ptr()), shared, "{pixels} bytes");
    }
}

#[test]
fn what_is_no_message_is_an_internal_error() {
    let codec = PictureCodec::new();
    let error = codec.decode(Bytes::from_static(b"\x0a\xff")).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(error.message().starts_with("cannot decode the message: "), "{}", error.message());
}

#[test]
fn nesting_is_limited() {
    let mut nested = BytesMut::new();
    for _ in 0..200 {
        let mut outer = BytesMut::new();
        outer.put_u8(0x1a);
        prost::encoding::encode_varint(nested.len() as u64, &mut outer);
        outer.extend_from_slice(&nested);
        nested = outer;
    }
    let error = PictureCodec::new().decode(nested.freeze()).unwrap_err();
    assert!(error.message().contains("recursion limit"), "{}", error.message());
}
