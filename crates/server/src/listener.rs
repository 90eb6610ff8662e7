//! Accepts connections and sees each of them to its end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::Server;
use crate::authenticate::Stranger;
use crate::backends::Stop;
use crate::negotiate::{Negotiated, negotiate};
use crate::session::Session;
use crate::transport::Wire;

/// How often the age of sessions is looked at.
const AGE_CHECK: Duration = Duration::from_secs(1);
/// The pause after a failed accept, as when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long sessions have to say goodbye once the grace period is over.
const GOODBYE: Duration = Duration::from_secs(3);

/// Serves clients on `listener` until `shutdown`, then waits for their sessions to end.
pub async fn run(listener: TcpListener, server: Arc<Server>, shutdown: impl Future<Output = ()>) {
    let unauthenticated = Arc::new(Semaphore::new(server.limits.unauthenticated_max));
    let mut connections = JoinSet::new();
    let mut age_check = interval(AGE_CHECK);
    age_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => match Arc::clone(&unauthenticated).try_acquire_owned() {
                    Ok(permit) => {
                        let server = Arc::clone(&server);
                        connections.spawn(async move {
                            let session = establish(tcp, peer, &server).await;
                            drop(permit);
                            drop(server);
                            if let Some(session) = session {
                                session.run().await;
                            }
                        });
                    }
                    Err(_) => tracing::warn!(%peer, "too many unauthenticated connections"),
                },
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            _ = age_check.tick() => {
                let age_max = server.limits.connection_age_max;
                server.backends.stop(Stop::Age, |control| control.is_older_than(age_max));
            }
        }
    }
    drop(listener);
    server.backends.stop(Stop::Shutdown, |_| true);
    tracing::info!(connections = connections.len(), "no more connections are accepted");
    if timeout(server.limits.shutdown_grace, drain(&mut connections)).await.is_err() {
        server.backends.stop(Stop::Now, |_| true);
        if timeout(GOODBYE, drain(&mut connections)).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections cut off");
            connections.shutdown().await;
        }
    }
}

async fn drain(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "connection panicked");
    }
}

/// Makes a session of a connection, if the client can prove who it is in time.
async fn establish(tcp: TcpStream, peer: SocketAddr, server: &Server) -> Option<Session> {
    // Boxed, so that a session does not carry the room for a handshake through its life.
    let established = Box::pin(async {
        // Replies are written whole; waiting for more to send only adds to the latency.
        tcp.set_nodelay(true)?;
        let tls = match negotiate(tcp, &server.tls).await? {
            Negotiated::Tls(tls) => tls,
            Negotiated::Cancel { process_id, secret } => {
                server.backends.cancel(process_id, secret);
                return Ok(None);
            }
            Negotiated::Over => return Ok(None),
        };
        let sni = tls.get_ref().1.server_name().map(str::to_owned);
        let stranger = Stranger::new(Wire::new(tls), sni, peer.ip());
        io::Result::Ok(stranger.authenticate(server).await)
    });
    match timeout(server.limits.authentication_time_max, established).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "connection not established");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "connection not established in time");
            None
        }
    }
}
