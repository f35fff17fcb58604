//! The attack table of `SECURITY.md`, against whole servers and channels over sockets.
//!
//! Each attack runs against a server whose one worker thread serves a well-behaved neighbour too. Asserted are: what the
//! attacker is told, the most memory that the process held meanwhile, the CPU time that the worker took, and that the
//! neighbour's calls went on, during the attack and after it. The attacks run one at a time.

#![cfg(target_os = "linux")] // CPU time of a thread and descriptors are read from /proc

mod attacker;
mod connections;
mod floods;
mod flow;
mod headers;
mod messages;
mod metadata;
mod peer;
mod resets;
mod responses;
mod siege;
mod stalls;

/// Counts what is allocated, and remembers the most.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
