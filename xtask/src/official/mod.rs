//! `cargo xtask interop`: what others wrote, against Carom. The official interop cases with each peer in both
//! directions, h2spec, servers that misbehave, and proxies in between. Anything unexpected fails the run.

mod cases;
mod expected;
mod h2spec;
mod kit;
mod negative;
mod peers;
mod proxies;

use std::time::{Duration, Instant};

use self::expected::Expected;
use self::kit::Kit;
use self::peers::{CAROM, Peer};
use crate::console::{note, step};

/// What a run can have, by name.
const SECTIONS: [&str; 4] = ["cases", "h2spec", "negative", "proxies"];

/// The peers of a short run: they are quick to start and to install.
const SHORT_PEERS: [&str; 2] = [CAROM, "grpcio"];

/// The options of `cargo xtask interop`.
pub(crate) struct Options {
    sections: Vec<String>,
    peers: Option<Vec<String>>,
    cases: Option<Vec<String>>,
    short: bool,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let all = SECTIONS.map(str::to_owned).to_vec();
        let mut options = Self { sections: all, peers: None, cases: None, short: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--short" {
                options.short = true;
                continue;
            }
            let list: Vec<String> = words
                .next()
                .ok_or_else(|| format!("{word} needs a list"))?
                .split(',')
                .map(str::to_owned)
                .collect();
            let known: Vec<&str> = match word.as_str() {
                "--only" => SECTIONS.to_vec(),
                "--peers" => peers::names(),
                "--cases" => cases::NAMES.to_vec(),
                _ => return Err(format!("interop does not know {word}")),
            };
            if let Some(unknown) = list.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(format!("{word} does not know {unknown:?}; it knows {}", known.join(", ")));
            }
            match word.as_str() {
                "--only" => options.sections = list,
                "--peers" => options.peers = Some(list),
                _ => options.cases = Some(list),
            }
        }
        Ok(options)
    }

    /// The short form, as a step of the test command.
    pub(crate) fn short() -> Self {
        Self {
            sections: vec!["cases".to_owned(), "h2spec".to_owned()],
            peers: None,
            cases: None,
            short: true,
        }
    }

    fn has(&self, section: &str) -> bool {
        self.sections.iter().any(|one| one == section)
    }

    fn peer(&self, name: &str) -> bool {
        match &self.peers {
            Some(peers) => peers.iter().any(|one| one == name),
            None => !self.short || SHORT_PEERS.contains(&name),
        }
    }

    fn case(&self, name: &str) -> bool {
        match &self.cases {
            Some(cases) => cases.iter().any(|one| one == name),
            None => !self.short || !cases::LONG.contains(&name),
        }
    }
}

/// One thing that was tried, and how it went.
pub(crate) struct Trial {
    /// Who against whom, as in `grpc-go client to carom server, TLS`.
    place: String,
    case: String,
    outcome: Result<(), String>,
    took: Duration,
}

/// What a whole run found.
pub(crate) struct Summary {
    trials: usize,
    failed_as_expected: usize,
    unexpected: Vec<String>,
    absent: Vec<String>,
}

/// `cargo xtask interop`.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let start = Instant::now();
    let summary = look(&options)?;
    println!("\n{} in {:.0} s", summary.text(), start.elapsed().as_secs_f64());
    summary.verdict()
}

/// Runs what the options ask for and prints it.
pub(crate) fn look(options: &Options) -> Result<Summary, String> {
    let mut expected = Expected::read()?;
    let kit = Kit::prepare()?;
    let mut trials = Vec::new();
    let mut absent = Vec::new();
    if options.has("cases") || options.has("negative") {
        let present = install(options, &kit, &mut absent);
        if options.has("cases") {
            trials.extend(cases::run(options, &kit, &present, &mut expected));
        }
        if options.has("negative") {
            trials.extend(negative::run(&kit, &present)?);
        }
    }
    if options.has("h2spec") {
        match h2spec::run(&kit, options.short) {
            Ok(more) => trials.extend(more),
            Err(reason) => absent.push(format!("h2spec: {reason}")),
        }
    }
    if options.has("proxies") && !options.short {
        trials.extend(proxies::run(options, &kit, &mut expected, &mut absent));
    }
    for name in &absent {
        step(&format!("absent: {name}"));
    }
    Ok(judge(&trials, expected, absent))
}

/// Compares what happened with what was expected, and says where they differ.
fn judge(trials: &[Trial], mut expected: Expected, absent: Vec<String>) -> Summary {
    let mut summary = Summary { trials: trials.len(), failed_as_expected: 0, unexpected: Vec::new(), absent };
    for trial in trials {
        let what = format!("{}: {}", trial.place, trial.case);
        match (&trial.outcome, expected.reason(&trial.place, &trial.case)) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => summary.failed_as_expected += 1,
            (Ok(()), Some(reason)) => summary
                .unexpected
                .push(format!("{what} passed; take it out of {} (it says: {reason})", expected::FILE)),
            (Err(reason), None) => {
                let took = trial.took.as_secs_f64();
                summary.unexpected.push(format!("{what} failed after {took:.1} s: {}", reason.trim()));
            }
        }
    }
    let stale = expected.stale(trials);
    summary.unexpected.extend(stale);
    if !summary.unexpected.is_empty() {
        step("Unexpected");
        for line in &summary.unexpected {
            note(&line.replace('\n', "\n      "));
        }
    }
    summary
}

impl Summary {
    pub(crate) fn text(&self) -> String {
        let passed = self.trials - self.failed_as_expected - self.unexpected.len().min(self.trials);
        let absent = match self.absent.len() {
            0 => String::new(),
            count => format!(", {count} absent"),
        };
        format!(
            "{} trials: {passed} passed, {} failed as expected, {} unexpected{absent}",
            self.trials,
            self.failed_as_expected,
            self.unexpected.len()
        )
    }

    /// What could not be tried, each with the reason.
    pub(crate) fn absent(&self) -> &[String] {
        &self.absent
    }

    pub(crate) fn verdict(&self) -> Result<(), String> {
        match self.unexpected.len() {
            0 if self.trials > 0 => Ok(()),
            0 => Err("nothing was tried".to_owned()),
            count => Err(format!("{count} unexpected outcomes; the first: {}", self.unexpected[0])),
        }
    }
}

/// Installs the peers that are asked for. One that cannot be had is told and left out.
fn install(options: &Options, kit: &Kit, absent: &mut Vec<String>) -> Vec<Box<dyn Peer>> {
    let mut present = Vec::new();
    for peer in peers::all().into_iter().filter(|peer| options.peer(peer.name())) {
        step(&format!("Peer {}", peer.name()));
        match peer.install(kit) {
            Ok(version) => {
                note(&version);
                present.push(peer);
            }
            Err(reason) => {
                note(&format!("absent: {reason}"));
                absent.push(format!("{}: {}", peer.name(), reason.lines().next().unwrap_or_default()));
            }
        }
    }
    present
}
