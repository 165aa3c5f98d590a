//! What the benches measure with: the stacks that they compare, and how they send requests through them.

pub mod by_hand;
pub mod floor;
pub mod inner;
pub mod peers;
pub mod requests;
pub mod send;
pub mod stacks;
