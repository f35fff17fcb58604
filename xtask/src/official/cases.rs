//! The official cases: each peer's client to Carom's server and back, without TLS and with it.

use std::time::{Duration, Instant};

use super::expected::Expected;
use super::kit::{self, Certificates, Kit};
use super::peers::{CAROM, Carom, Peer};
use super::{Options, Trial};
use crate::console::{note, quote, step};

/// All cases, in the order of the descriptions.
pub(crate) const NAMES: [&str; 25] = [
    "empty_unary",
    "cacheable_unary",
    "large_unary",
    "client_compressed_unary",
    "server_compressed_unary",
    "client_streaming",
    "client_compressed_streaming",
    "server_streaming",
    "server_compressed_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "rpc_soak",
    "channel_soak",
    "concurrent_large_unary",
    "jwt_token_creds",
    "per_rpc_creds",
    "oauth2_auth_token",
];

/// Credentials never go over plain connections.
const TLS_ONLY: [&str; 3] = ["jwt_token_creds", "per_rpc_creds", "oauth2_auth_token"];

/// What a short run leaves out.
pub(crate) const LONG: [&str; 1] = ["concurrent_large_unary"];

/// Each case bounds its calls; this is for a client that hangs all the same.
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// One column of the matrix.
pub(crate) struct Pair<'a> {
    pub(crate) client: &'a dyn Peer,
    pub(crate) server: &'a dyn Peer,
    pub(crate) tls: bool,
}

impl Pair<'_> {
    pub(crate) fn place(&self) -> String {
        let security = if self.tls { ", TLS" } else { "" };
        format!("{} client to {} server{security}", self.client.name(), self.server.name())
    }
}

/// The cases that this kind of connection can have, of those asked for.
pub(crate) fn chosen<'a>(options: &'a Options, tls: bool) -> impl Iterator<Item = &'static str> + 'a {
    NAMES.into_iter().filter(move |name| options.case(name) && (tls || !TLS_ONLY.contains(name)))
}

/// Runs every pair and prints the matrix.
pub(crate) fn run(
    options: &Options,
    kit: &Kit,
    peers: &[Box<dyn Peer>],
    expected: &mut Expected,
) -> Vec<Trial> {
    let carom = Carom;
    let mut trials = Vec::new();
    let mut columns = Vec::new();
    for peer in peers {
        let peer = peer.as_ref();
        let mut directions = vec![(peer, &carom as &dyn Peer)];
        if peer.name() != CAROM && peer.server(kit, None, 0).is_some() {
            directions.push((&carom, peer));
        }
        for (client, server) in directions {
            for tls in [false, true] {
                let pair = Pair { client, server, tls };
                columns.push((peer.name(), pair.place()));
                // By TLS there are more cases, and starting a peer's client is what takes long.
                if options.short && !tls && peer.name() != CAROM {
                    continue;
                }
                step(&pair.place());
                let start = Instant::now();
                let found = run_pair(options, kit, &pair);
                tell(&found, expected, start.elapsed());
                trials.extend(found);
            }
        }
    }
    print_matrix(&columns, &trials, expected);
    trials
}

fn run_pair(options: &Options, kit: &Kit, pair: &Pair) -> Vec<Trial> {
    let place = pair.place();
    // A peer whose programs bring their own certificates sets them for both sides.
    let certificates = match pair.client.certificates(kit) {
        Some(certificates) => certificates,
        None => pair.server.certificates(kit).unwrap_or_else(|| Certificates::of(kit)),
    };
    let cases: Vec<&str> = chosen(options, pair.tls).collect();
    let served = kit::serve(|port| pair.server.server(kit, pair.tls.then_some(&certificates), port));
    let (mut server, port) = match served {
        Ok(served) => served,
        Err(reason) => return not_run(&place, &cases, &reason),
    };
    let attempt = |case: &&str| {
        let client = pair.client.client(kit, pair.tls.then_some(&certificates), case, port);
        kit::attempt(&place, case, client, CASE_LIMIT, &mut server)
    };
    cases.iter().map(attempt).collect()
}

/// Each case fails for the same reason.
pub(crate) fn not_run(place: &str, cases: &[&str], reason: &str) -> Vec<Trial> {
    let trial = |case: &&str| Trial {
        place: place.to_owned(),
        case: (*case).to_owned(),
        outcome: Err(reason.to_owned()),
        took: Duration::ZERO,
    };
    cases.iter().map(trial).collect()
}

/// Prints how the cases of one place went.
pub(crate) fn tell(trials: &[Trial], expected: &mut Expected, took: Duration) {
    let mut passed = 0;
    let mut as_expected = Vec::new();
    for trial in trials {
        match (&trial.outcome, expected.reason(&trial.place, &trial.case)) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => note(&format!("{} PASSED, which was not expected", trial.case)),
            (Err(_), Some(_)) => as_expected.push(trial.case.as_str()),
            (Err(reason), None) => {
                note(&format!("{} FAILED", trial.case));
                quote(reason);
            }
        }
    }
    let but = match as_expected.as_slice() {
        [] => String::new(),
        names => format!("; as expected, not {}", names.join(", ")),
    };
    note(&format!("{passed} passed in {:.1} s{but}", took.as_secs_f64()));
}

/// A row a case, a column a peer; in a cell the four ways in which they meet.
fn print_matrix(columns: &[(&'static str, String)], trials: &[Trial], expected: &mut Expected) {
    let mut peers: Vec<&str> = columns.iter().map(|(peer, _)| *peer).collect();
    peers.dedup();
    println!(
        "\nOfficial interop cases. In a cell: the peer's client to Carom's server, plain and TLS, then Carom's"
    );
    println!(
        "client to the peer's server, plain and TLS. + passed, e failed as expected, ! unexpected, . not run"
    );
    let width = NAMES.iter().map(|name| name.len()).max().unwrap_or(0);
    let cell = peers.iter().map(|peer| peer.len()).max().unwrap_or(0).max(4) + 1;
    print!("  {:width$} ", "");
    peers.iter().for_each(|peer| print!(" {peer:cell$}"));
    println!();
    for case in NAMES {
        if !trials.iter().any(|trial| trial.case == case) {
            continue;
        }
        print!("  {case:width$} ");
        for peer in &peers {
            let marks: String = columns
                .iter()
                .filter(|(of, _)| of == peer)
                .map(|(_, place)| {
                    let trial = trials.iter().find(|trial| trial.case == case && trial.place == *place);
                    mark(trial, expected)
                })
                .collect();
            print!(" {marks:cell$}");
        }
        println!();
    }
}

fn mark(trial: Option<&Trial>, expected: &mut Expected) -> char {
    let Some(trial) = trial else { return '.' };
    match (&trial.outcome, expected.reason(&trial.place, &trial.case)) {
        (Ok(()), None) => '+',
        (Err(_), Some(_)) => 'e',
        _ => '!',
    }
}
