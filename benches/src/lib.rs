//! What the benches measure with: the stacks that they compare, and how they send requests through them.

#[cfg(feature = "heavy-peers")]
pub mod azure;
pub mod bars;
pub mod budget;
pub mod by_hand;
pub mod cases;
pub mod counting_allocator;
pub mod counts;
pub mod crew;
pub mod figures;
pub mod floor;
pub mod forgetful_allocator;
#[cfg(feature = "heavy-peers")]
pub mod google;
pub mod inner;
pub mod latency;
pub mod loopback;
pub mod machine;
pub mod options;
pub mod peers;
pub mod refreshing;
pub mod report;
pub mod requests;
pub mod send;
pub mod server;
pub mod stacks;
