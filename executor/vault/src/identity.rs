//! Whom Vault takes us for: whoever a token that is given says, or who logged in.

use crate::access::Login;
use crate::credential::{Place, Token};
use crate::failure::Failure;
use crate::login::{Logins, Proof};
use crate::server::Server;

/// Whom Vault takes us for.
pub(crate) enum Identity {
    /// Read for each request.
    Given(Place),
    Login(Box<Logins>),
}

impl Identity {
    pub(crate) fn new(login: Login) -> Self {
        match login {
            Login::TokenFile(path) => Self::Given(Place::File(path)),
            Login::TokenVariable(name) => Self::Given(Place::Variable(name)),
            Login::Kubernetes { mount, role, jwt_file } => {
                Self::logging_in(Proof::Kubernetes { mount, role, jwt: Place::File(jwt_file) })
            }
            Login::AppRole { mount, role_id, secret_id_file } => {
                let secret_id = Place::File(secret_id_file);
                Self::logging_in(Proof::AppRole { mount, role_id, secret_id })
            }
        }
    }

    fn logging_in(proof: Proof) -> Self {
        Self::Login(Box::new(Logins::of(proof)))
    }

    /// The token that is good now.
    pub(crate) async fn token(&self, server: &Server) -> Result<Token, Failure> {
        match self {
            Self::Given(place) => place.token().await,
            Self::Login(logins) => logins.token(server).await,
        }
    }

    /// Vault forbade something to this token. Another one, where that may change anything.
    pub(crate) async fn another(&self, server: &Server, refused: &Token) -> Result<Option<Token>, Failure> {
        match self {
            // It may have been replaced since it was read.
            Self::Given(place) => Ok(Some(place.token().await?).filter(|token| token != refused)),
            Self::Login(logins) => logins.another(server, refused).await,
        }
    }
}
