//! A wire to a server that can be cut, frozen and slowed down. It carries bytes and understands none of them, so that TLS and
//! HTTP/2 go through it as they are.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{RUNTIME, on_runtime};

/// What a wire does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Nothing goes through, and nobody is told: packets are lost somewhere.
    Frozen,
    /// Everything comes this much later.
    Slow(Duration),
    /// Connections are closed, and new ones are too.
    Cut,
}

/// A wire to a server on this machine. It ends when dropped.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    weather: watch::Sender<Weather>,
    /// Counts: fair weather may follow at once.
    cuts: watch::Sender<u64>,
    /// Aborted when dropped, and every connection with it.
    _carrying: JoinSet<()>,
}

impl Wire {
    /// `url`: where the server is.
    pub fn to(url: &str) -> anyhow::Result<Self> {
        let port: u16 = url.rsplit(':').next().context("an address has a port")?.parse()?;
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = on_runtime(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let ((weather, told), (cuts, cut)) = (watch::channel(Weather::Fair), watch::channel(0));
        let mut carrying = JoinSet::new();
        carrying.spawn_on(accept(listener, server, told, cut), RUNTIME.handle());
        Ok(Self { port, weather, cuts, _carrying: carrying })
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Holds from now on, for connections that there are and for new ones.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
        if weather == Weather::Cut {
            self.cuts.send_modify(|cuts| *cuts += 1);
        }
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // Before it looks: a cut from now on is one of this connection.
        cut.mark_unchanged();
        if *weather.borrow() != Weather::Cut {
            connections.spawn(carry(client, server, weather.clone(), cut.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, until one side closes it or the wire is cut.
async fn carry(
    client: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = one_way(from_client, to_server, weather.clone());
    let back = one_way(from_server, to_client, weather);
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = cut.changed() => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let Ok(now) = weather.wait_for(|weather| *weather != Weather::Frozen).await.map(|now| *now) else {
            return;
        };
        if let Weather::Slow(later) = now {
            // Or until the weather is another one.
            let _ = tokio::time::timeout(later, weather.changed()).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
