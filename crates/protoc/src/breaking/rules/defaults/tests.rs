use super::Default;

#[test]
fn values_of_two_types_are_compared() {
    let text = |text: &str| Default::Text(text.as_bytes().to_vec());
    let bytes = |text: &str| Default::Bytes(text.as_bytes().to_vec());
    for (one, other) in [
        (Default::Float(0.1), Default::Double(0.1)),
        (Default::Integer(3), Default::Double(3.0)),
        (Default::Float(f32::NAN), Default::Double(f64::NAN)),
        (Default::Double(f64::NAN), Default::Double(f64::NAN)),
        (text("a\u{1}"), bytes("a\\001")),
    ] {
        assert!(one.equals(&other) && other.equals(&one), "{one:?} {other:?}");
    }
    for (one, other) in [
        (Default::Integer(3), Default::Double(3.5)),
        (Default::Double(f64::NAN), Default::Double(1.0)),
        (text("1"), Default::Integer(1)),
        (text("a"), bytes("b")),
    ] {
        assert!(!one.equals(&other) && !other.equals(&one), "{one:?} {other:?}");
    }
}
