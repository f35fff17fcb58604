//! The failures that are expected, each with its reason. The list may only shrink: what passes must be taken out.

use super::Trial;
use crate::project;

/// Where the list stands.
pub(crate) const FILE: &str = "interop/expected-failures.txt";

struct Entry {
    line: usize,
    place: String,
    case: String,
    reason: String,
    used: bool,
}

/// The list.
pub(crate) struct Expected {
    entries: Vec<Entry>,
}

impl Expected {
    pub(crate) fn read() -> Result<Self, String> {
        let path = project::root().join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {FILE}: {error}"))?;
        Self::parse(&text)
    }

    /// Lines of the form `PLACE | CASE CASE ... | REASON`; `*` at the end of a place stands for any rest.
    fn parse(text: &str) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            let [place, cases, reason] = parts[..] else {
                return Err(format!("{FILE}, line {}: not of the form PLACE | CASES | REASON", number + 1));
            };
            if place.is_empty() || cases.is_empty() || reason.is_empty() {
                return Err(format!("{FILE}, line {}: a part is empty", number + 1));
            }
            entries.extend(cases.split_whitespace().map(|case| Entry {
                line: number + 1,
                place: place.to_owned(),
                case: case.to_owned(),
                reason: reason.to_owned(),
                used: false,
            }));
        }
        Ok(Self { entries })
    }

    /// Why this is expected to fail, if it is.
    pub(crate) fn reason(&mut self, place: &str, case: &str) -> Option<String> {
        let fits = |entry: &&mut Entry| entry.case == case && covers(&entry.place, place);
        let entry = self.entries.iter_mut().find(fits)?;
        entry.used = true;
        Some(entry.reason.clone())
    }

    /// Entries that fit nothing that was tried, though their place was.
    pub(crate) fn stale(&self, trials: &[Trial]) -> Vec<String> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        let tried = unused.filter(|entry| {
            let cases = || trials.iter().filter(|trial| covers(&entry.place, &trial.place));
            // A run of some cases only says nothing of the others.
            cases().count() > 0 && !super::cases::NAMES.contains(&entry.case.as_str())
        });
        tried
            .map(|entry| format!("{FILE}, line {}: there is no case {} there", entry.line, entry.case))
            .collect()
    }
}

fn covers(pattern: &str, place: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => place.starts_with(start),
        None => place == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::Expected;

    #[test]
    fn entries_cover_their_places() {
        let text = "# a comment\n\na client to b server* | one two | it cannot\nc | three | nor can c\n";
        let mut expected = Expected::parse(text).unwrap();
        let reason = |expected: &mut Expected, place: &str, case: &str| expected.reason(place, case);
        assert_eq!(reason(&mut expected, "a client to b server, TLS", "two").as_deref(), Some("it cannot"));
        assert_eq!(reason(&mut expected, "a client to b server", "one").as_deref(), Some("it cannot"));
        assert_eq!(reason(&mut expected, "a client to b server", "three"), None);
        assert_eq!(reason(&mut expected, "c, TLS", "three"), None);
    }

    #[test]
    fn an_entry_needs_a_reason() {
        for text in ["a | b", "a | b |", "a", "| b | c"] {
            assert!(Expected::parse(text).err().unwrap().contains("line 1"), "{text}");
        }
    }

    #[test]
    fn an_entry_for_nothing_is_told() {
        let expected = Expected::parse("a* | no_such_case | why").unwrap();
        let trial = super::Trial {
            place: "a b".to_owned(),
            case: "other".to_owned(),
            outcome: Ok(()),
            took: std::time::Duration::ZERO,
        };
        assert_eq!(expected.stale(&[trial]).len(), 1);
        assert_eq!(expected.stale(&[]).len(), 0);
    }
}
