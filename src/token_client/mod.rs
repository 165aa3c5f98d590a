//! Mobula's token API.
