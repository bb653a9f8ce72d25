//! What proves who we are, asked for each request: a token somewhere, or what an App makes for itself.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_executor::port::forge::ForgeError;

use crate::token::{Place, Token};

#[async_trait]
pub(crate) trait Credential: Send + Sync + fmt::Debug {
    /// The token that is good now.
    async fn token(&self) -> Result<Token, ForgeError>;

    /// The forge does not take it. `at`: when that was, by the forge's clock. Whether there may be another one by now.
    async fn refused(&self, token: &Token, at: Option<Timestamp>) -> bool;
}

#[async_trait]
impl Credential for Place {
    async fn token(&self) -> Result<Token, ForgeError> {
        Ok(Token::read(self).await?)
    }

    /// What is there is read for each request: no other one is to be had.
    async fn refused(&self, _token: &Token, _at: Option<Timestamp>) -> bool {
        false
    }
}
