use super::Flags;

fn parse(line: &str) -> Result<Flags, String> {
    Flags::parse(&["port", "use_tls", "name"], line.split_whitespace().map(str::to_owned))
        .map_err(|error| error.to_string())
}

#[test]
fn every_way_to_write_a_flag() {
    for line in
        ["--port=5 --use_tls=true", "-port 5 -use_tls", "--use_tls --port 5", "--use_tls true --port=5"]
    {
        let flags = parse(line).unwrap();
        assert_eq!(flags.number("port", 0).unwrap(), 5, "{line}");
        assert!(flags.on("use_tls").unwrap(), "{line}");
        assert_eq!(flags.text("name"), None);
    }
    assert!(!parse("--use_tls=false --name=").unwrap().on("use_tls").unwrap());
    assert_eq!(parse("--name=").unwrap().text("name"), None);
}

#[test]
fn what_is_wrong_is_told() {
    assert!(parse("5").err().unwrap().contains("no flag"));
    assert!(parse("--prot=5").err().unwrap().contains("--port"));
    let flags = parse("--port=x --use_tls=maybe --name /nowhere/at/all").unwrap();
    assert!(flags.number::<u16>("port", 0).unwrap_err().to_string().contains("\"x\""));
    assert!(flags.on("use_tls").is_err());
    assert!(flags.file("name").unwrap_err().to_string().contains("/nowhere/at/all"));
}
