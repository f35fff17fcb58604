//! Carom's generated messages under protobuf's conformance suite: reads requests from standard input, answers on standard
//! output, each message behind its length in four bytes, little-endian (`conformance_test_runner.cc` of protobuf).

use std::io::{self, ErrorKind, Read, Write};

use buffa::Message;
use buffa::json::{JsonParseOptions, with_json_parse_options};
use buffa::text::{TextEncoder, TextFormat};
use buffa::type_registry::{TypeRegistry, set_type_registry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::protos::conformance::conformance_request::Payload;
use self::protos::conformance::conformance_response::Result as Outcome;
use self::protos::conformance::{
    ConformanceRequest, ConformanceResponse, FailureSet, TestCategory, WireFormat,
};
use self::protos::protobuf_test_messages::editions::TestAllTypesEdition2023;
use self::protos::protobuf_test_messages::{editions, proto2, proto3};

/// The generated code, as a user has it.
mod protos {
    include!(concat!(env!("OUT_DIR"), "/protos.rs"));
}

/// The suite's largest requests are a few megabytes.
const MAX_REQUEST: usize = 256 << 20;

fn main() -> io::Result<()> {
    let mut types = TypeRegistry::new();
    buffa_types::register_wkt_types(&mut types);
    proto2::register_types(&mut types);
    proto3::register_types(&mut types);
    editions::register_types(&mut types);
    editions::proto2::register_types(&mut types);
    editions::proto3::register_types(&mut types);
    set_type_registry(types);

    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(bytes) = next_request(&mut input)? {
        let outcome = match ConformanceRequest::decode_from_slice(&bytes) {
            Ok(request) => answer(&request),
            Err(error) => Outcome::RuntimeError(format!("the request does not decode: {error}")),
        };
        let response = ConformanceResponse { result: Some(outcome), ..Default::default() }.encode_to_vec();
        let length = u32::try_from(response.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        output.write_all(&response)?;
        output.flush()?;
    }
    Ok(())
}

/// The next request's bytes; `None` when the suite has no more.
fn next_request(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_REQUEST {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("a request of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn answer(request: &ConformanceRequest) -> Outcome {
    match request.message_type.as_str() {
        // The first request: which failures the testee knows of. The suite's list of them is a file.
        "conformance.FailureSet" => Outcome::ProtobufPayload(FailureSet::default().encode_to_vec()),
        "protobuf_test_messages.proto2.TestAllTypesProto2" => convert::<proto2::TestAllTypesProto2>(request),
        "protobuf_test_messages.proto3.TestAllTypesProto3" => convert::<proto3::TestAllTypesProto3>(request),
        "protobuf_test_messages.editions.proto2.TestAllTypesProto2" => {
            convert::<editions::proto2::TestAllTypesProto2>(request)
        }
        "protobuf_test_messages.editions.proto3.TestAllTypesProto3" => {
            convert::<editions::proto3::TestAllTypesProto3>(request)
        }
        "protobuf_test_messages.editions.TestAllTypesEdition2023" => {
            convert::<TestAllTypesEdition2023>(request)
        }
        other => Outcome::Skipped(format!("there is no message {other} here")),
    }
}

/// Reads the payload as an `M` and writes that in the format that is asked for.
fn convert<M>(request: &ConformanceRequest) -> Outcome
where
    M: Message + TextFormat + Serialize + DeserializeOwned,
{
    let parsed = match &request.payload {
        Some(Payload::ProtobufPayload(bytes)) => {
            M::decode_from_slice(bytes).map_err(|error| error.to_string())
        }
        Some(Payload::JsonPayload(text)) => {
            let ignore_unknown = request.test_category == TestCategory::JSON_IGNORE_UNKNOWN_PARSING_TEST;
            parse_json::<M>(text, ignore_unknown)
        }
        Some(Payload::TextPayload(text)) => {
            buffa::text::decode_from_str::<M>(text).map_err(|error| error.to_string())
        }
        Some(Payload::JspbPayload(_)) => return Outcome::Skipped("JSPB is not supported".to_owned()),
        None => return Outcome::RuntimeError("the request has no payload".to_owned()),
    };
    let message = match parsed {
        Ok(message) => message,
        Err(error) => return Outcome::ParseError(error),
    };
    match request.requested_output_format.as_known() {
        Some(WireFormat::PROTOBUF) => match message.try_encode_to_vec() {
            Ok(bytes) => Outcome::ProtobufPayload(bytes),
            Err(error) => Outcome::SerializeError(error.to_string()),
        },
        Some(WireFormat::JSON) => match serde_json::to_string(&message) {
            Ok(text) => Outcome::JsonPayload(text),
            Err(error) => Outcome::SerializeError(error.to_string()),
        },
        Some(WireFormat::TEXT_FORMAT) => {
            let mut text = String::new();
            let mut encoder = TextEncoder::new(&mut text).emit_unknown(request.print_unknown_fields);
            match message.encode_text(&mut encoder) {
                Ok(()) => Outcome::TextPayload(text),
                Err(error) => Outcome::SerializeError(error.to_string()),
            }
        }
        Some(WireFormat::JSPB) => Outcome::Skipped("JSPB is not supported".to_owned()),
        Some(WireFormat::UNSPECIFIED) | None => {
            Outcome::RuntimeError(format!("there is no output format {:?}", request.requested_output_format))
        }
    }
}

fn parse_json<M: DeserializeOwned>(text: &str, ignore_unknown: bool) -> Result<M, String> {
    let options = JsonParseOptions::new()
        .ignore_unknown_enum_values(ignore_unknown)
        .strict_extension_keys(!ignore_unknown);
    with_json_parse_options(&options, || serde_json::from_str(text)).map_err(|error| error.to_string())
}
