//! The ring: points of the 64-bit circle, each of which belongs to an endpoint.

use std::sync::Arc;

use twox_hash::XxHash64;

/// A ring, sorted. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Ring(Arc<[Entry]>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    /// The index of the endpoint.
    member: u32,
}

/// An endpoint to be placed.
pub(super) struct Member {
    /// The name whose hashes are the endpoint's places.
    pub(super) key: Box<str>,
    /// Not zero.
    pub(super) weight: u32,
}

impl Ring {
    pub(super) fn empty() -> Self {
        Self(Arc::new([]))
    }

    /// Creates a ring with entries in proportion to the weights (gRFC A42): at least `min` if that is within `max`, and
    /// as many more as make the numbers come out even for the endpoint with the least weight.
    ///
    /// Endpoints are placed in the order of their keys, so that every client with the same endpoints has the same ring.
    pub(super) fn new(members: &[Member], min: u32, max: u32) -> Self {
        let sum: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
        let Some(least) = members.iter().map(|member| member.weight).min() else { return Self::empty() };
        let normalized = |weight: u32| f64::from(weight) / sum as f64;
        let least = normalized(least);
        let scale = ((least * f64::from(min)).ceil() / least).min(f64::from(max));
        let mut order: Vec<(u32, &Member)> = (0..).zip(members).collect();
        order.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        let mut entries = Vec::with_capacity(scale.ceil() as usize);
        let mut target = 0.0;
        let mut name = String::new();
        for (index, member) in order {
            target += scale * normalized(member.weight);
            let mut number = 0_u32;
            while (entries.len() as f64) < target {
                name.clear();
                name.push_str(&member.key);
                name.push('_');
                name.push_str(&number.to_string());
                entries.push(Entry { hash: XxHash64::oneshot(0, name.as_bytes()), member: index });
                number += 1;
            }
        }
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.member));
        Self(entries.into())
    }

    /// The ring without the entries of other members.
    pub(super) fn retain(&self, keep: impl Fn(usize) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(entry.member as usize)).copied().collect())
    }

    /// The member of the first entry from `hash` on, around the circle.
    pub(super) fn at(&self, hash: u64) -> Option<usize> {
        let at = self.0.partition_point(|entry| entry.hash < hash);
        let entry = self.0.get(at).or_else(|| self.0.first())?;
        Some(entry.member as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(members: &[(&str, u32)], min: u32, max: u32) -> Ring {
        let members: Vec<_> =
            members.iter().map(|(key, weight)| Member { key: (*key).into(), weight: *weight }).collect();
        Ring::new(&members, min, max)
    }

    fn counts(members: &[u32], min: u32, max: u32) -> Vec<usize> {
        // Keys in the order of the list.
        let keys: Vec<String> = (0..members.len()).map(|at| format!("addr_{at}")).collect();
        let named: Vec<_> = keys.iter().map(String::as_str).zip(members.iter().copied()).collect();
        let ring = ring(&named, min, max);
        (0..members.len())
            .map(|at| ring.0.iter().filter(|entry| entry.member as usize == at).count())
            .collect()
    }

    /// The vectors of other implementations: all clients of a server must agree.
    #[test]
    fn hashes_are_xxh64_with_seed_0() {
        for (text, hash) in [
            ("", 17_241_709_254_077_376_921),
            ("addr_0", 8_630_035_247_485_368_355),
            ("addr_1", 16_445_615_643_806_517_689),
            ("addr_2", 3_340_961_915_226_674_029),
            ("10.0.0.1:80_0", 8_431_885_850_995_268_104),
            ("10.0.0.2:80_0", 8_104_747_467_494_260_863),
            ("10.0.0.3:80_0", 8_420_069_784_872_799_358),
            ("[::1]:80_0", 1_098_799_882_277_292_697),
            ("alice", 8_332_761_332_120_969_289),
            ("alice,bob", 17_952_652_443_028_463_985),
            ("user-42", 4_142_921_581_652_311_169),
        ] {
            assert_eq!(XxHash64::oneshot(0, text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn the_first_entry_from_a_hash_on_is_the_one_around_the_circle() {
        let ring = ring(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 1), ("10.0.0.3:80", 1)], 3, 4096);
        assert_eq!(ring.0.iter().map(|entry| entry.member).collect::<Vec<_>>(), [1, 2, 0]);
        let at = |text: &str| ring.at(XxHash64::oneshot(0, text.as_bytes()));
        assert_eq!((at("alice"), at("user-42"), at("alice,bob")), (Some(2), Some(1), Some(1)));
        let exact = ring.0[2].hash;
        assert_eq!((ring.at(exact), ring.at(exact + 1), ring.at(u64::MAX)), (Some(0), Some(1), Some(1)));
        let without = ring.retain(|member| member != 2);
        assert_eq!(without.at(XxHash64::oneshot(0, b"alice")), Some(0), "the next one");
        assert_eq!(Ring::empty().at(1), None);
    }

    #[test]
    fn entries_are_in_proportion_to_the_weights() {
        assert_eq!(counts(&[3, 3, 4], 6, 4096), [2, 2, 3]);
        assert_eq!(counts(&[3, 3, 4], 7, 10), [3, 3, 4]);
        assert_eq!(counts(&[1, 1, 1], 1024, 4096), [342; 3]);
        assert_eq!(counts(&[1, 1000], 1024, 4096), [2, 2000]);
        assert_eq!(counts(&[1, 1], 1, 4096), [1, 1]);
        let names = ["a", "b", "c"];
        let ring = ring(&[("c", 4), ("a", 3), ("b", 3)], 6, 4096);
        let hash = |member: usize, number: usize| {
            XxHash64::oneshot(0, format!("{}_{number}", names[member]).as_bytes())
        };
        let order: Vec<u64> = ring.0.iter().map(|entry| entry.hash).collect();
        let expected = [(2, 1), (1, 0), (1, 1), (0, 0), (2, 2), (2, 0), (0, 1)];
        assert_eq!(order, expected.map(|(member, number)| hash(member, number)));
    }

    #[test]
    fn no_weight_makes_a_ring_larger_than_its_bound() {
        let total: usize = counts(&[u32::MAX, 1, u32::MAX], 4096, 4096).iter().sum();
        assert_eq!(total, 4096);
        assert_eq!(counts(&[1; 5], 1, 2).iter().sum::<usize>(), 2, "some endpoints have no entry");
    }
}
