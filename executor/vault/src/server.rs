//! Requests to a Vault, and what came of them.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Response, redirect};

use crate::access::Access;
use crate::address::Address;
use crate::answer::judge;
use crate::call::Call;
use crate::credential::Token;
use crate::failure::{Failure, told};

/// One request and its answer. Vault answers within milliseconds, and one that elects a leader within seconds; whoever waits
/// longer is better told so, and asks again with the next pass.
const WITHIN: Duration = Duration::from_secs(15);
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Vault takes no request larger than this unless it was told to, so that no entry is larger.
const MAX_ANSWER: usize = 32 << 20;

const USER_AGENT: &str = concat!("naksha/", env!("CARGO_PKG_VERSION"));

/// Why a Vault cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("cannot read the authorities of Vault in {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no PEM certificates", path.display())]
    NoCertificates { path: PathBuf },
    #[error("`{namespace}` is no namespace of Vault")]
    Namespace { namespace: String },
    #[error("cannot prepare connections to Vault")]
    Client {
        #[source]
        source: reqwest::Error,
    },
}

/// A Vault that is asked.
pub(crate) struct Server {
    address: Address,
    client: Client,
}

impl Server {
    /// Asks nothing yet.
    pub(crate) fn open(access: &Access) -> Result<Self, VaultError> {
        let Access { address, ca_file, namespace, login: _ } = access;
        // Fails when main has installed a provider already, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers(namespace.as_deref())?)
            // reqwest would take the token along: it does not know what that header is.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WITHIN)
            .referer(false);
        // A proxy in the environment is for the network; it cannot know what this machine calls itself.
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = match ca_file {
            Some(path) => builder.tls_certs_only(certificates(path)?),
            // Where no certificate is looked at, a system that has none is no reason to refuse.
            None if !address.is_encrypted() => builder.tls_certs_only(Vec::new()),
            None => builder,
        };
        let client = builder.build().map_err(|source| VaultError::Client { source })?;
        Ok(Self { address: address.clone(), client })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks for something, as whoever has this token or as nobody.
    pub(crate) async fn ask(&self, call: Call, token: Option<&Token>) -> Result<Vec<u8>, Failure> {
        let answered = self.answered(call, token).await;
        match token {
            Some(token) => answered.map_err(|failure| failure.without(token.secret())),
            None => answered,
        }
    }

    async fn answered(&self, call: Call, token: Option<&Token>) -> Result<Vec<u8>, Failure> {
        let Call { method, path, body } = call;
        let mut request = self.client.request(method, self.address.of(&path));
        if let Some(token) = token {
            request = request.header("x-vault-token", token.header());
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        judge(status, whole(response).await?)
    }
}

/// What every request says. The first is what a Vault may demand, so that a page of somebody else's cannot make a browser ask
/// (Vault, "require_request_header").
fn headers(namespace: Option<&str>) -> Result<HeaderMap, VaultError> {
    let mut headers = HeaderMap::new();
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Some(namespace) = namespace {
        let value = HeaderValue::from_str(namespace);
        let value = value.map_err(|_| VaultError::Namespace { namespace: namespace.to_owned() })?;
        headers.insert("x-vault-namespace", value);
    }
    Ok(headers)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, VaultError> {
    let pem = std::fs::read(path).map_err(|source| VaultError::Read { path: path.to_owned(), source })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(VaultError::NoCertificates { path: path.to_owned() }),
    }
}

/// Piece by piece: how much there is to come is known only to the other side.
async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Failure::Denied("its answer is larger than 32 MiB".to_owned()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let words = match error {
        error if error.is_timeout() && error.is_connect() => {
            format!("no connection within {} s", CONNECT.as_secs())
        }
        error if error.is_timeout() => format!("no answer within {} s", WITHIN.as_secs()),
        error => told(&root_cause(error)),
    };
    Failure::Unavailable(words)
}

/// The innermost reason. The source of an I/O error is that of the error inside it: the inner one must be asked for.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        let inner = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => cause.source(),
        };
        match inner {
            Some(inner) => cause = inner,
            None => return cause.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread::{JoinHandle, spawn};

    use naksha_environments::secret::Secret;

    use super::*;
    use crate::access::Login;

    fn open(ca_file: Option<&Path>, namespace: Option<&str>) -> Result<Server, VaultError> {
        at("https://vault.example", ca_file, namespace)
    }

    fn at(address: &str, ca_file: Option<&Path>, namespace: Option<&str>) -> Result<Server, VaultError> {
        Server::open(&Access {
            address: Address::parse(address).unwrap(),
            ca_file: ca_file.map(Path::to_owned),
            namespace: namespace.map(str::to_owned),
            login: Login::TokenVariable("X".to_owned()),
        })
    }

    #[test]
    fn what_cannot_be_used_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        assert!(matches!(open(Some(&file), None), Err(VaultError::Read { .. })));
        std::fs::write(&file, "no certificate").unwrap();
        assert!(matches!(open(Some(&file), None), Err(VaultError::NoCertificates { .. })));
        assert!(matches!(open(None, Some("a\nb")), Err(VaultError::Namespace { .. })));
    }
    /// Answers one request with this, and gives what the request said.
    fn answering(answer: String) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            // Who had enough of it hangs up.
            let _ = stream.write_all(answer.as_bytes());
            request.join("\n").to_lowercase()
        });
        (address, serving)
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let location = elsewhere.local_addr().unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let answer =
            format!("HTTP/1.1 307 T\r\nlocation: http://{location}/v1/a\r\ncontent-length: 0\r\n\r\n");
        let (address, serving) = answering(answer);
        let server = at(&address, None, Some("team")).unwrap();
        let token = Token::given(&Secret::new("hvs.canary")).unwrap();
        let answer = server.ask(Call::mount_of("kv/a"), Some(&token)).await;
        assert_eq!(answer, Err(Failure::Unavailable("it sends us elsewhere (307)".to_owned())));
        assert!(elsewhere.accept().is_err(), "nobody should have come");
        let request = serving.join().unwrap();
        assert!(request.starts_with("get /v1/sys/internal/ui/mounts/kv/a http/1.1"), "{request}");
        for header in ["x-vault-token: hvs.canary", "x-vault-request: true", "x-vault-namespace: team"] {
            assert!(request.contains(header), "{request}");
        }
    }

    #[tokio::test]
    async fn an_echo_of_the_token_is_not_told() {
        let body = r#"{"errors":["bad token hvs.canary"]}"#;
        let answer = format!("HTTP/1.1 403 F\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (address, serving) = answering(answer);
        let server = at(&address, None, None).unwrap();
        let token = Token::given(&Secret::new("hvs.canary")).unwrap();
        let failure = server.ask(Call::lookup(), Some(&token)).await.expect_err("should be forbidden");
        assert!(matches!(failure, Failure::Forbidden(_)) && !format!("{failure:?}").contains("canary"));
        serving.join().unwrap();
    }

    #[tokio::test]
    async fn an_answer_is_bounded() {
        let body = "x".repeat(MAX_ANSWER + 1);
        let answer = format!("HTTP/1.1 200 O\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (address, serving) = answering(answer);
        let answer = at(&address, None, None).unwrap().ask(Call::lookup(), None).await;
        assert_eq!(answer, Err(Failure::Denied("its answer is larger than 32 MiB".to_owned())));
        serving.join().unwrap();
    }
}
