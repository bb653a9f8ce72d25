//! An HTTP proxy that opens tunnels (RFC 9110, CONNECT) and remembers where to.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::api::{RUNTIME, on_runtime};

/// A proxy on this machine. It ends when dropped, and its tunnels with it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    tunnels: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub fn start() -> anyhow::Result<Self> {
        let listener = on_runtime(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let tunnels: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut serving = JoinSet::new();
        serving.spawn_on(accept(listener, Arc::clone(&tunnels)), RUNTIME.handle());
        Ok(Self { port, tunnels, _serving: serving })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where tunnels were opened to, in their order.
    pub fn tunnels(&self) -> Vec<String> {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, tunnels: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, Arc::clone(&tunnels)));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(client: TcpStream, tunnels: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let Some(authority) = asked(&mut client).await else {
        let refusal = b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n";
        drop(client.write_all(refusal).await);
        return;
    };
    let Ok(mut server) = TcpStream::connect(&authority).await else { return };
    tunnels.lock().unwrap_or_else(PoisonError::into_inner).push(authority);
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        drop(copy_bidirectional(&mut client, &mut server).await);
    }
}

/// Where a tunnel is asked to. `None`: something else is asked.
async fn asked(client: &mut BufReader<TcpStream>) -> Option<String> {
    let mut authority = None;
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            return authority;
        }
        if let Some(rest) = line.strip_prefix("CONNECT ") {
            authority = rest.split(' ').next().map(str::to_owned);
        }
    }
}
