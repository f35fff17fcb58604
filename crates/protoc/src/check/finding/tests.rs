use super::{Finding, Format, print};
use crate::check::view::Place;

fn finding(line: u32, message: &str) -> Finding {
    Finding {
        file: "a/b.proto".to_owned(),
        place: Place { line, column: 3, end_line: line, end_column: 6 },
        rule: "FIELD_LOWER_SNAKE_CASE",
        message: message.to_owned(),
        suggestion: "write \"x\"".to_owned(),
    }
}

fn printed(findings: Vec<Finding>, format: Format, source_lines: bool) -> String {
    let mut out = Vec::new();
    print(findings, format, source_lines, &mut out).expect("memory can be written to");
    String::from_utf8(out).expect("text")
}

#[test]
fn each_form_has_place_rule_message_and_suggestion() {
    let form = |format| printed(vec![finding(4, "it is \"odd\"\t")], format, false);
    assert_eq!(form(Format::Text), "a/b.proto:4:3: FIELD_LOWER_SNAKE_CASE: it is \"odd\"\t; write \"x\"\n");
    assert_eq!(
        form(Format::Gcc),
        "a/b.proto:4:3: error: it is \"odd\"\t; write \"x\" [FIELD_LOWER_SNAKE_CASE]\n"
    );
    assert_eq!(
        form(Format::Msvs),
        "a/b.proto(4,3) : error FIELD_LOWER_SNAKE_CASE : it is \"odd\"\t; write \"x\"\n"
    );
    assert_eq!(
        form(Format::Json),
        "{\"path\":\"a/b.proto\",\"start_line\":4,\"start_column\":3,\"end_line\":4,\"end_column\":6,\
         \"type\":\"FIELD_LOWER_SNAKE_CASE\",\"message\":\"it is \\\"odd\\\"\\u0009\",\
         \"suggestion\":\"write \\\"x\\\"\"}\n"
    );
}

#[test]
fn a_terminal_shows_the_source_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("b.proto");
    std::fs::write(&file, "one\n\n\n  Abc\n").expect("a file");
    let finding = Finding { file: file.display().to_string(), ..finding(4, "odd") };
    let text = printed(vec![finding.clone()], Format::Text, true);
    assert!(text.ends_with("\n    Abc\n    ^\n"), "{text}");
    assert_eq!(printed(vec![finding], Format::Gcc, true).lines().count(), 1);
}

#[test]
fn findings_come_in_order_and_once() {
    let text = printed(vec![finding(9, "b"), finding(4, "a"), finding(9, "b")], Format::Gcc, false);
    let lines: Vec<&str> = text.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(lines, ["a/b.proto:4:3", "a/b.proto:9:3"]);
}
