//! What resets cost: honest clients end calls by them at any rate, attackers do not get far.

use std::{collections::VecDeque, time::Duration};

use super::pair::{Attacked, request, response, trailers};
use crate::{
    conn::{Config, Event, ServerConfig},
    frame::{ErrorCode, flag, kind},
    stream::StreamKey,
};

const MS: Duration = Duration::from_millis(1);
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A server's engine, its handlers played by the test, and a client that opens and ends streams as it likes.
struct Traffic {
    attacked: Attacked,
    next: u32,
    /// Streams that are open, oldest first, with the time of their beginning in milliseconds.
    open: VecDeque<(u32, StreamKey)>,
    /// Calls of a neighbour on the same connection that were answered.
    answered: u32,
    closed: bool,
}

impl Traffic {
    fn new() -> Self {
        Self {
            attacked: Attacked::server(Config::default()),
            next: 1,
            open: VecDeque::new(),
            answered: 0,
            closed: false,
        }
    }

    /// Writes a request of which nothing is read yet.
    fn write_request(&mut self) -> u32 {
        let id = self.next;
        self.next += 2;
        let block = self.attacked.block(request);
        self.attacked.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, id, &block);
        id
    }

    fn write_reset(&mut self, id: u32) {
        self.attacked.frame(kind::RST_STREAM, 0, id, &CANCEL);
    }

    /// Reads what was written, as one read of a socket.
    fn read(&mut self) {
        for event in self.attacked.events() {
            match event {
                Event::Headers { key, .. } => self.open.push_back((key.id().get(), key)),
                Event::Reset { key, .. } | Event::Finished { key } => {
                    self.open.retain(|(_, open)| *open != key);
                }
                Event::Closed { error } => {
                    let error = error.expect("an error");
                    assert_eq!(error.code, ErrorCode::ENHANCE_YOUR_CALM, "{error}");
                    println!("{error}"); // shown only if the test fails
                    self.closed = true;
                }
                other => panic!("{other:?}"),
            }
        }
        self.attacked.written();
    }

    fn answer(&mut self, key: StreamKey) {
        self.attacked.engine.respond(key, &response, &b""[..], trailers);
        self.attacked.written();
        self.read();
        self.answered += 1;
    }

    /// A call that is answered at once.
    fn good_call(&mut self) {
        self.write_request();
        self.read();
        if let Some((_, key)) = self.open.pop_back() {
            self.answer(key);
        }
    }

    /// A minute of `rate` calls a second that each are reset after `age`; `rate` is a multiple of 1,000 or divides it.
    fn brown_out(&mut self, rate: u32, age: Duration, timeout: Option<Duration>) {
        let mut due: VecDeque<(u32, u32)> = VecDeque::new();
        let age = u32::try_from(age.as_millis()).unwrap();
        for ms in 0..60_000 {
            self.attacked.now += MS;
            let begun = if rate >= 1000 { rate / 1000 } else { u32::from(ms % (1000 / rate) == 0) };
            for _ in 0..begun {
                let id = self.write_request();
                due.push_back((id, ms + age));
            }
            while due.front().is_some_and(|(_, at)| *at <= ms) {
                let (id, _) = due.pop_front().unwrap();
                self.write_reset(id);
            }
            self.read();
            if let Some(timeout) = timeout {
                let fresh: Vec<_> =
                    self.open.iter().rev().take(begun as usize).map(|(_, key)| *key).collect();
                for key in fresh {
                    self.attacked.engine.set_timeout(key, timeout);
                }
            }
            if ms % 100 == 0 && !self.closed {
                self.good_call();
            }
            assert!(!self.closed, "closed after {ms} ms");
        }
        assert_eq!(self.answered, 600, "other calls go on");
    }
}

#[test]
fn five_hundred_calls_a_second_that_end_by_deadline_are_no_attack() {
    Traffic::new().brown_out(500, 100 * MS, None);
}

#[test]
fn nor_are_five_thousand() {
    Traffic::new().brown_out(5000, 20 * MS, None);
}

#[test]
fn nor_are_twenty_thousand_with_deadlines_of_a_few_milliseconds() {
    Traffic::new().brown_out(20_000, 2 * MS, Some(3 * MS));
}

/// The loser of two hedged calls is given up within milliseconds, without a deadline.
#[test]
fn nor_are_hedges_that_lost() {
    Traffic::new().brown_out(6000, MS, None);
}

/// To a server that was kept from reading a call and its reset come at once.
#[test]
fn nor_are_resets_that_come_with_their_request_because_the_server_was_late() {
    Traffic::new().brown_out(5000, Duration::ZERO, None);
}

/// The server answers DEADLINE_EXCEEDED at the moment at which the client gives up: both orders.
#[test]
fn resets_that_cross_the_answer_cost_nothing() {
    let mut traffic = Traffic::new();
    for n in 0..50_000 {
        let id = traffic.write_request();
        traffic.read();
        let (_, key) = traffic.open[0];
        traffic.answer(key);
        traffic.write_reset(id);
        traffic.read();
        assert!(!traffic.closed, "closed after {n}");
    }
}

/// How many of 20,000 streams are opened before the connection ends, `pace` apart.
fn streams_taken(mut each: impl FnMut(&mut Traffic)) -> u32 {
    let mut traffic = Traffic::new();
    for n in 0..20_000 {
        each(&mut traffic);
        if traffic.closed {
            return n;
        }
    }
    panic!("nobody stopped it");
}

#[test]
fn a_reset_in_the_read_that_opened_the_stream_is_charged() {
    let taken = streams_taken(|traffic| {
        let id = traffic.write_request();
        traffic.write_reset(id);
        traffic.read();
    });
    assert_eq!(taken, ServerConfig::default().reset_burst);
}

#[test]
fn a_tiny_timeout_excuses_no_reset_at_once() {
    let taken = streams_taken(|traffic| {
        let id = traffic.write_request();
        traffic.read();
        let (_, key) = traffic.open[0];
        traffic.attacked.engine.set_timeout(key, Duration::from_nanos(1));
        traffic.write_reset(id);
        traffic.read();
    });
    // A quarter each: a millisecond of the four is what it has to wait for.
    assert_eq!(taken, 4 * ServerConfig::default().reset_burst);
}

#[test]
fn good_calls_beside_make_up_for_as_many_resets_and_no_more() {
    let taken = streams_taken(|traffic| {
        traffic.good_call();
        for _ in 0..2 {
            let id = traffic.write_request();
            traffic.write_reset(id);
        }
        traffic.read();
    });
    assert!((900..1010).contains(&taken), "{taken}");
}

/// An answer that waits was made in vain.
#[test]
fn an_answer_that_was_not_taken_excuses_nothing() {
    let taken = streams_taken(|traffic| {
        let id = traffic.write_request();
        traffic.read();
        let (_, key) = traffic.open[0];
        traffic.attacked.engine.send_headers(key, &response, false);
        traffic.attacked.engine.send_data(key, &[0; 100][..], false);
        traffic.write_reset(id);
        traffic.read();
    });
    assert_eq!(taken, ServerConfig::default().reset_burst);
}

/// To wait before the reset fills the places that a client has.
#[test]
fn a_client_that_waits_runs_out_of_places() {
    let mut traffic = Traffic::new();
    let limit = ServerConfig::default().max_concurrent_streams as usize;
    let mut most = 0;
    for _ in 0..2000 {
        let batch: Vec<_> = (0..limit).map(|_| traffic.write_request()).collect();
        traffic.read();
        most = most.max(traffic.attacked.engine.active_streams());
        traffic.attacked.now += 4 * MS;
        for id in batch {
            traffic.write_reset(id);
        }
        traffic.read();
        assert!(!traffic.closed);
    }
    assert_eq!(most, limit);
    // Half the wait is charged, at a rate that nobody forgives.
    let taken = streams_taken(|traffic| {
        let batch: Vec<_> = (0..limit).map(|_| traffic.write_request()).collect();
        traffic.read();
        traffic.attacked.now += 2 * MS;
        for id in batch {
            traffic.write_reset(id);
        }
        traffic.read();
    });
    assert!(taken < 30, "{taken} batches");
}

/// What an upload that was refused early still has under way is no reset of anything.
#[test]
fn uploads_that_were_answered_early_are_no_attack() {
    let mut traffic = Traffic::new();
    for n in 0..2000 {
        traffic.attacked.now += MS;
        let id = traffic.next;
        traffic.next += 2;
        let block = traffic.attacked.block(request);
        traffic.attacked.frame(kind::HEADERS, flag::END_HEADERS, id, &block);
        traffic.read();
        let (_, key) = traffic.open[0];
        traffic.attacked.engine.send_headers(key, &response, true);
        traffic.open.clear();
        for _ in 0..4 {
            traffic.attacked.frame(kind::DATA, 0, id, &[0; 16_000]);
        }
        traffic.read();
        assert!(!traffic.closed, "closed after {n}");
    }
}
