//! A small HTTPS server for the tests: `git http-backend` behind Basic authentication, and misbehaviour.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    /// Serves the repositories of a folder; with a credential, to who shows it.
    Git { root: PathBuf, authorization: Option<String> },
    /// Sends everybody elsewhere, with the path kept.
    Redirect(String),
    /// Reads the request and never answers.
    Stall,
    /// Answers with this head and body.
    Fixed(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) target: String,
    pub(super) authorization: Option<String>,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
    /// The authority that signed the server's certificate, in PEM.
    pub(super) ca: String,
}

impl Server {
    pub(super) fn start(manner: Manner) -> Self {
        let (config, ca) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        // Ends with the process; a test waits for nothing of it.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, manner, record) = (Arc::clone(&config), manner.clone(), Arc::clone(&record));
                thread::spawn(move || serve(stream, config, &manner, &record));
            }
        });
        Self { address, seen, ca }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.address.port())
    }

    /// Writes the authority to a file.
    pub(super) fn ca_file(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, &self.ca).unwrap();
        path
    }
}

fn tls() -> (Arc<ServerConfig>, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (Arc::new(config), authority.pem())
}

/// One request per connection. A client that goes away ends it.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, manner: &Manner, record: &Mutex<Vec<Seen>>) {
    let connection = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let Some(request) = Request::read(&mut stream) else { return };
    let seen = Seen { target: request.target.clone(), authorization: request.header("authorization") };
    record.lock().unwrap().push(seen);
    let answer = match manner {
        Manner::Git { root, authorization } => {
            if authorization.is_some() && request.header("authorization") != *authorization {
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                    .to_vec()
            } else {
                backend(root, &request)
            }
        }
        Manner::Redirect(base) => format!(
            "HTTP/1.1 301 Moved\r\nLocation: {base}{}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            request.target
        )
        .into_bytes(),
        Manner::Stall => {
            // Until the client has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
        Manner::Fixed(answer) => answer.clone().into_bytes(),
    };
    let stream = stream.get_mut();
    let _ = stream.write_all(&answer);
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut request = Self { method, target, headers, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    }
}

/// `git http-backend` as a CGI program (RFC 3875).
fn backend(root: &Path, request: &Request) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    // It may not want to read.
    let writer = thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("should have a head");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let rest: Vec<_> = head.lines().filter(|line| !line.starts_with("Status: ")).collect();
    let rest = rest.join("\r\n");
    let body = &output[end + 4..];
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{rest}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}
