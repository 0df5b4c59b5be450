//! Connecting: resolve, filter, and dial exactly the addresses that passed.
//!
//! The filter sits here, in the connector, so that a name cannot pass a check with one address
//! and be dialled at another (DNS rebinding), and so that no way to a registry goes around it.
//! HTTP_PROXY and its like are never read.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::address;
use crate::policy::Policy;
use crate::target::Host;

/// Addresses of one name that are tried; more only serve to keep a client waiting.
const MAX_ADDRESSES: usize = 6;

/// A boxed future, as trait objects need it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Turns a name and port into addresses to dial.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, in the order in which they should be tried.
    fn resolve(&self, name: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await?;
            Ok(found.collect())
        })
    }
}

/// Why no connection was made. The text names host and port only.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectProblem {
    /// The URL has no host in our grammar.
    #[error("{0} is not a host that can be dialled")]
    NotAHost(String),
    /// No address passed the filter.
    #[error(
        "{host} is at {address}, which is {reason}: only public addresses are dialled, unless the proxy's operator allows it by --allow-private {host}:{port}"
    )]
    Refused {
        /// The host as dialled.
        host: String,
        /// The port as dialled.
        port: u16,
        /// The first address that was refused, or the name.
        address: String,
        /// What kind of address it is.
        reason: &'static str,
    },
    /// The name did not resolve.
    #[error("the name {host} could not be resolved: {problem}")]
    Dns {
        /// The host as dialled.
        host: String,
        /// The resolver's words.
        problem: String,
    },
    /// No address accepted.
    #[error("no connection to {host}:{port}: {problem}")]
    Connect {
        /// The host as dialled.
        host: String,
        /// The port as dialled.
        port: u16,
        /// The last address's error.
        problem: String,
    },
    /// It took too long.
    #[error("no connection to {host}:{port} within {limit:?}")]
    Timeout {
        /// The host as dialled.
        host: String,
        /// The port as dialled.
        port: u16,
        /// The limit.
        limit: Duration,
    },
}

/// Dials filtered addresses.
#[derive(Clone)]
pub struct Connector {
    policy: Arc<Policy>,
    resolver: Arc<dyn Resolver>,
    limit: Duration,
}

impl Connector {
    /// A connector for this policy; `limit` bounds resolving and dialling together.
    pub fn new(policy: Arc<Policy>, resolver: Arc<dyn Resolver>, limit: Duration) -> Self {
        Self {
            policy,
            resolver,
            limit,
        }
    }

    async fn dial(self, uri: Uri) -> Result<TcpStream, ConnectProblem> {
        let text = uri.host().unwrap_or_default();
        let host: Host = text
            .parse()
            .map_err(|_| ConnectProblem::NotAHost(text.to_owned()))?;
        let default = if uri.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        let port = uri.port_u16().unwrap_or(default);
        let limit = self.limit;
        let bounded = tokio::time::timeout(limit, self.dial_host(&host, port)).await;
        bounded.unwrap_or_else(|_| {
            Err(ConnectProblem::Timeout {
                host: host.to_string(),
                port,
                limit,
            })
        })
    }

    async fn dial_host(&self, host: &Host, port: u16) -> Result<TcpStream, ConnectProblem> {
        let addresses = self.addresses(host, port).await?;
        let mut problem = String::from("it has no address");
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Small requests should not wait for more; a failure costs only time.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Err(error) => problem = error.to_string(),
            }
        }
        Err(ConnectProblem::Connect {
            host: host.to_string(),
            port,
            problem,
        })
    }

    /// The addresses of a host that may be dialled.
    async fn addresses(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ConnectProblem> {
        let lifted = self.policy.is_private_allowed(host, port);
        let refused = |address: String, reason| ConnectProblem::Refused {
            host: host.to_string(),
            port,
            address,
            reason,
        };
        if host.is_localhost_name() && !lifted {
            return Err(refused(host.to_string(), "a loopback name"));
        }
        let found =
            match host {
                Host::Ip(ip) => vec![SocketAddr::new(*ip, port)],
                Host::Name(name) => self.resolver.resolve(name, port).await.map_err(|error| {
                    ConnectProblem::Dns {
                        host: host.to_string(),
                        problem: error.to_string(),
                    }
                })?,
            };
        if lifted {
            return Ok(found);
        }
        let public: Vec<SocketAddr> = found
            .iter()
            .copied()
            .filter(|address| address::refusal(address.ip()).is_none())
            .collect();
        match found.first() {
            None => Err(ConnectProblem::Dns {
                host: host.to_string(),
                problem: "it has no address".into(),
            }),
            Some(first) if public.is_empty() => Err(refused(
                first.ip().to_string(),
                address::refusal(first.ip()).unwrap_or("not public"),
            )),
            Some(_) => Ok(public),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectProblem;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.dial(uri).await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    struct Fixed(Vec<IpAddr>);

    impl Resolver for Fixed {
        fn resolve(&self, _: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
            let found = self.0.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            Box::pin(async move { Ok(found) })
        }
    }

    async fn addresses(host: &str, found: &[&str], lifted: &[&str]) -> Result<Vec<String>, String> {
        let policy = Policy {
            allow_private: lifted.iter().map(|entry| entry.parse().unwrap()).collect(),
            ..Policy::default()
        };
        let found = found.iter().map(|ip| ip.parse().unwrap()).collect();
        let limit = Duration::from_secs(5);
        let connector = Connector::new(Arc::new(policy), Arc::new(Fixed(found)), limit);
        let got = connector.addresses(&host.parse().unwrap(), 443).await;
        got.map(|all| all.iter().map(|one| one.ip().to_string()).collect())
            .map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn only_what_passed_is_dialled() {
        let got = addresses("a.example", &["10.0.0.1", "1.1.1.1", "::1"], &[]).await;
        assert_eq!(got.unwrap(), ["1.1.1.1"]);
        for private in [
            "127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "169.254.169.254",
        ] {
            let got = addresses("a.example", &[private], &[]).await.unwrap_err();
            assert!(got.contains("--allow-private a.example:443"), "{got}");
        }
    }

    #[tokio::test]
    async fn literals_and_localhost_names_are_filtered_too() {
        assert!(addresses("127.0.0.1", &[], &[]).await.is_err());
        assert!(addresses("[::ffff:127.0.0.1]", &[], &[]).await.is_err());
        assert!(addresses("localhost", &["1.1.1.1"], &[]).await.is_err());
        assert!(
            addresses("sample.localhost", &["1.1.1.1"], &[])
                .await
                .is_err()
        );
        assert!(addresses("1.1.1.1", &[], &[]).await.is_ok());
    }

    #[tokio::test]
    async fn lifting_is_for_one_host_and_port() {
        let lifted = ["a.example:443"];
        assert_eq!(
            addresses("a.example", &["10.0.0.1"], &lifted)
                .await
                .unwrap(),
            ["10.0.0.1"]
        );
        assert!(
            addresses("b.example", &["10.0.0.1"], &lifted)
                .await
                .is_err()
        );
        assert!(
            addresses("a.example", &["10.0.0.1"], &["a.example:5000"])
                .await
                .is_err()
        );
    }
}
