//! `round_robin`: a connection to each endpoint, and each call to the next (gRFC A61).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoints::{Child, Connected, Spread};
use super::{Controller, Pick, PickArgs, Picker, Policy, PolicyFactory};

/// The factory of `round_robin`: calls go in turn to the endpoints that are READY. It has no configuration.
#[derive(Debug, Clone, Copy)]
pub struct RoundRobin;

impl PolicyFactory for RoundRobin {
    fn name(&self) -> &str {
        "round_robin"
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(Connected::new(target, Turns))
    }
}

struct Turns;

impl Spread for Turns {
    type Kept = ();

    fn picker(
        &self,
        ready: &mut dyn Iterator<Item = &Child<()>>,
        controller: &mut dyn Controller,
    ) -> Arc<dyn Picker> {
        let pickers: Vec<_> = ready.map(|child| Arc::clone(&child.picker)).collect();
        let start = (controller.random() * pickers.len() as f64) as usize;
        Arc::new(InTurn { pickers, next: AtomicUsize::new(start) })
    }
}

/// A picker that asks those of the READY children in turn.
struct InTurn {
    /// At least one.
    pickers: Vec<Arc<dyn Picker>>,
    next: AtomicUsize,
}

impl Picker for InTurn {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.pickers[turn % self.pickers.len()].pick(args)
    }
}
