//! `weighted_random`: a connection to each endpoint, and each call to a random one, by weight. Carom's own.

use std::sync::Arc;

use super::endpoints::{Child, Connected, Spread};
use super::random::SharedRandom;
use super::{Controller, Pick, PickArgs, Picker, Policy, PolicyFactory};
use crate::client::resolver::Weight;

/// The factory of `weighted_random`: each call goes to a random endpoint of those that are READY, in proportion to the
/// [`Weight`] that the resolver gave each. Without weights, all endpoints are equally likely.
///
/// It is Carom's own: clients in other languages do not know it. A service config for all of them lists another policy
/// after it. It has no configuration.
///
/// ```json
/// {"loadBalancingConfig": [{"weighted_random": {}}, {"round_robin": {}}]}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WeightedRandom;

impl PolicyFactory for WeightedRandom {
    fn name(&self) -> &str {
        "weighted_random"
    }

    fn build(&self, target: &Arc<str>) -> Box<dyn Policy> {
        Box::new(Connected::new(target, ByWeight))
    }
}

struct ByWeight;

impl Spread for ByWeight {
    type Kept = ();

    fn picker(
        &self,
        ready: &mut dyn Iterator<Item = &Child<()>>,
        controller: &mut dyn Controller,
    ) -> Arc<dyn Picker> {
        let members = ready.map(|child| (Weight::of(&child.attributes), Arc::clone(&child.picker)));
        Arc::new(WeightedPicker::new(members, controller))
    }
}

/// A picker that asks a random one of other pickers, by weight.
///
/// It draws in constant time (the alias method of Walker and Vose): every picker has a column of the same height, the
/// average weight. What a heavy picker has above that fills up the columns of light ones.
pub(super) struct WeightedPicker {
    /// At least one.
    columns: Vec<Column>,
    /// The height of a column.
    height: u64,
    random: SharedRandom,
}

struct Column {
    picker: Arc<dyn Picker>,
    /// The part of the height that is this picker's own.
    own: u64,
    /// The column of the picker that has the rest.
    other: usize,
}

impl WeightedPicker {
    pub(super) fn new(
        members: impl Iterator<Item = (u32, Arc<dyn Picker>)>,
        controller: &mut dyn Controller,
    ) -> Self {
        let (weights, pickers): (Vec<_>, Vec<_>) = members.unzip();
        let (parts, height) = columns(&weights);
        let columns = parts.into_iter().zip(pickers);
        let columns = columns.map(|((own, other), picker)| Column { picker, own, other }).collect();
        Self { columns, height, random: SharedRandom::new(controller) }
    }
}

/// The part of each column that is its own, with the column that has the rest; and the height of all. Heights are
/// weights times the number of columns, so that the average is a whole number.
fn columns(weights: &[u32]) -> (Vec<(u64, usize)>, u64) {
    let height: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let mut left: Vec<u64> = weights.iter().map(|weight| u64::from(*weight) * weights.len() as u64).collect();
    let mut columns: Vec<_> = (0..weights.len()).map(|at| (height, at)).collect();
    let (mut light, mut heavy): (Vec<_>, Vec<_>) = (0..weights.len()).partition(|at| left[*at] < height);
    while let (Some(poor), Some(rich)) = (light.pop(), heavy.pop()) {
        columns[poor] = (left[poor], rich);
        left[rich] -= height - left[poor];
        let side = if left[rich] < height { &mut light } else { &mut heavy };
        side.push(rich);
    }
    (columns, height)
}

impl Picker for WeightedPicker {
    fn pick<'a>(&'a self, args: &PickArgs<'_>) -> Pick<'a> {
        let column = &self.columns[self.random.below(self.columns.len() as u64) as usize];
        let own = self.random.below(self.height) < column.own;
        let column = if own { column } else { &self.columns[column.other] };
        column.picker.pick(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_hold_exactly_the_weights() {
        for weights in [
            &[1][..],
            &[1, 1, 1],
            &[1, 2, 3],
            &[10, 1, 1, 1],
            &[1, 1000],
            &[u32::MAX, 1, u32::MAX],
            &[7, 7, 1, 30, 2, 2],
        ] {
            let (columns, height) = columns(weights);
            let mut shares = vec![0_u64; weights.len()];
            for (at, (own, other)) in columns.into_iter().enumerate() {
                shares[at] += own;
                shares[other] += height - own;
            }
            let expected: Vec<u64> =
                weights.iter().map(|weight| u64::from(*weight) * weights.len() as u64).collect();
            assert_eq!(shares, expected, "{weights:?}");
        }
    }
}
