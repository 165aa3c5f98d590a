//! The emulator, in process and behind sockets.

mod client;
mod create;
mod creation_limit;
mod credentials;
mod data;
mod expiry;
mod faults;
mod faults_on_sockets;
mod faulty_bodies;
mod forged_tokens;
mod keys;
mod list_inspect_revoke;
mod oracle;
mod records;
mod redaction;
mod request_limit;
mod routes;
mod server;
mod stacks;
mod switches;
mod threads;
mod websocket;
