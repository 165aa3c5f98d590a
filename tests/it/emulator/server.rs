//! The server itself.

use std::{io, net::SocketAddr, time::Duration};

use mobula_auth::emulator::{Emulator, Fault, Server};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn serve(emulator: &Emulator) -> Server {
    emulator.serve().await.expect("it serves")
}

#[tokio::test]
async fn reqwest_goes_all_the_way_round() {
    for client in clients() {
        let emulator = Emulator::new();
        let server = serve(&emulator).await;
        let url = |path: &str| format!("{}{path}", server.url());
        let key = emulator.api_key();
        let created: Value = client
            .post(url("/api/2/auth/tokens"))
            .header("x-api-key", &key)
            .json(&json!({ "expiresIn": 60_000, "requestLimit": "1" }))
            .send()
            .await
            .expect("it is answered")
            .json()
            .await
            .expect("it is JSON");
        let created = &created["createApiTokens"][0];
        let token = created["token"].as_str().expect("it has a token");
        for status in [200, 429] {
            let answer = client
                .get(url("/api/2/token/price"))
                .bearer_auth(token)
                .send()
                .await
                .expect("it is answered");
            assert_eq!(answer.status(), status);
        }
        let inspected = client
            .get(url("/api/2/auth/token"))
            .query(&[("token", token)])
            .header("authorization", &key);
        let inspected: Value = inspected
            .send()
            .await
            .expect("it is answered")
            .json()
            .await
            .expect("it is JSON");
        assert_eq!(inspected["apiToken"]["remaining"], "0");
        let id = created["id"].as_str().expect("it has an id");
        let revoked = client
            .delete(url(&format!("/api/2/auth/tokens/{id}")))
            .header("authorization", &key)
            .send()
            .await;
        assert_eq!(revoked.expect("it is answered").status(), 200);
        let listed = client
            .get(url("/api/2/auth/tokens"))
            .header("authorization", &key)
            .send()
            .await;
        let listed: Value = listed
            .expect("it is answered")
            .json()
            .await
            .expect("it is JSON");
        assert_eq!(listed, json!({ "apiTokens": [] }));
    }
}

#[tokio::test]
async fn speaks_both_versions_on_one_port() {
    let emulator = Emulator::new();
    let server = serve(&emulator).await;
    let [h1, h2] = clients();
    for (client, version) in [
        (&h1, http::Version::HTTP_11),
        (&h2, http::Version::HTTP_2),
        (&h1, http::Version::HTTP_11),
    ] {
        let answer = client
            .get(format!("{}/api/1/all", server.url()))
            .send()
            .await
            .expect("it is answered");
        assert_eq!((answer.status().as_u16(), answer.version()), (401, version));
        assert_eq!(answer.headers().get_all("date").iter().count(), 1);
    }
}

#[tokio::test]
async fn stops_when_it_is_dropped() {
    let emulator = Emulator::new();
    let server = serve(&emulator).await;
    let addr = server.addr();
    let mut idle = TcpStream::connect(addr).await.expect("it connects");
    let mut used = TcpStream::connect(addr).await.expect("it connects");
    used.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("it is sent");
    assert!(used.read(&mut [0; 4096]).await.expect("it is answered") > 0);
    drop(server);
    // at once: not even a turn of the event loop is needed
    let refused = std::net::TcpStream::connect(addr).expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    for socket in [&mut idle, &mut used] {
        let end = timeout(Duration::from_secs(10), socket.read(&mut [0; 16]))
            .await
            .expect("it ends");
        assert!(matches!(end, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn the_port_can_be_served_on_again() {
    let emulator = Emulator::new();
    let addr = serve(&emulator).await.addr();
    let server = emulator
        .serve_on(addr)
        .await
        .expect("the port is free again");
    assert_eq!(server.addr(), addr);
    assert_eq!(server.url(), format!("http://{addr}"));
    let taken = emulator
        .serve_on(addr)
        .await
        .expect_err("the port is taken");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn serves_on_loopback_only() {
    let emulator = Emulator::new();
    for addr in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
        "[2001:db8::1]:0",
        "10.0.0.1:80",
    ] {
        let addr: SocketAddr = addr.parse().expect("it is an address");
        let refused = emulator
            .serve_on(addr)
            .await
            .expect_err("it is not loopback");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
    for addr in ["127.0.0.1:0", "127.1.2.3:0"] {
        let addr: SocketAddr = addr.parse().expect("it is an address");
        let server = emulator.serve_on(addr).await.expect("it is loopback");
        assert_eq!(server.addr().ip(), addr.ip());
    }
}

#[tokio::test]
async fn several_servers_are_one_service() {
    let emulator = Emulator::new();
    let (one, other) = (serve(&emulator).await, serve(&emulator).await);
    assert_ne!(one.addr(), other.addr());
    for server in [&one, &other] {
        let answer = reqwest::Client::new()
            .get(format!("{}/api/1/all", server.url()))
            .header("authorization", emulator.api_key())
            .send()
            .await;
        assert_eq!(answer.expect("it is answered").status(), 200);
    }
    assert_eq!(emulator.counts().data.ok, 2);
}

#[tokio::test]
async fn nonsense_on_the_wire_does_no_harm() {
    let emulator = Emulator::new();
    let server = serve(&emulator).await;
    for nonsense in [
        &b"\0\0\0\0"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        b"",
    ] {
        let mut socket = TcpStream::connect(server.addr())
            .await
            .expect("it connects");
        socket.write_all(nonsense).await.expect("it is sent");
        socket.shutdown().await.expect("it is shut down");
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(10), socket.read_to_end(&mut answer))
            .await
            .expect("it ends");
    }
    let answer = reqwest::get(format!("{}/nowhere", server.url()))
        .await
        .expect("it is answered");
    assert_eq!(answer.status(), 404);
    assert_eq!(emulator.counts().requests(), 1);
}

#[tokio::test]
async fn bodies_that_break_off_are_noticed() {
    let emulator = Emulator::new();
    let server = serve(&emulator).await;
    let mut socket = TcpStream::connect(server.addr())
        .await
        .expect("it connects");
    let request = format!(
        "POST /api/2/auth/tokens HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{{\"cou",
        emulator.api_key()
    );
    socket
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    socket.shutdown().await.expect("it is shut down");
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), socket.read_to_end(&mut answer))
        .await
        .expect("it ends");
    assert_eq!(emulator.tokens(), []);
}

#[tokio::test]
async fn nothing_keeps_running_after_it() {
    for client in clients() {
        let emulator = Emulator::new();
        let server = serve(&emulator).await;
        emulator.fault(Fault::hang().always());
        let request = client.get(format!("{}/api/1/all", server.url()));
        let hanging = tokio::spawn(request.send());
        while emulator.counts().data.received == 0 {
            tokio::task::yield_now().await;
        }
        drop((server, client));
        assert!(hanging.await.expect("it does not panic").is_err());
        let tasks = tokio::runtime::Handle::current().metrics();
        let ended = async {
            while tasks.num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), ended)
            .await
            .expect("every task ends");
    }
}

/// One that speaks HTTP/1, and one that speaks HTTP/2.
fn clients() -> [reqwest::Client; 2] {
    let h2 = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .expect("the client is valid");
    [reqwest::Client::new(), h2]
}
