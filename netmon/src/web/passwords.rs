//! Basic authentication (RFC 7617) with bcrypt hashes.
//!
//! A hash is made to be slow: one takes about 50 ms at cost 10. So a password that was right is remembered, by a keyed digest, and a
//! scraper waits for bcrypt once. Wrong ones are checked one at a time on a thread for blocking work, and only a few wait:
//! guessing takes one processor at most, and delays no client that is known.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::HashParts;
use ring::{
    hmac::{self, HMAC_SHA256},
    rand::SystemRandom,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::key::Problem;

/// The slowest hash that is accepted: about a second.
const MOST_COST: u32 = 14;
/// As many passwords wait to be checked.
const MOST_WAITING: usize = 8;
const CHALLENGE: &str = "Basic realm=\"netmon\", charset=\"UTF-8\"";

/// The users of the file.
pub(super) struct Passwords {
    hashes: BTreeMap<String, String>,
    digest: hmac::Key,
    /// The digest of each user's password, once it was right.
    known: Mutex<HashMap<String, hmac::Tag>>,
    waiting: Semaphore,
    turn: Semaphore,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hashes.keys()).finish()
    }
}

impl Passwords {
    /// Checks the hashes of the file.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, Problem> {
        let unusable = |(name, hash): (&String, &String)| {
            let key = format!("basic_auth_users.{name}");
            match hash.parse::<HashParts>() {
                Err(_) => Some(Problem::new(key, "is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one")),
                Ok(parts) if parts.get_cost() > MOST_COST => Some(Problem::new(
                    key,
                    format!("has cost {}, and may have {MOST_COST}", parts.get_cost()),
                )),
                Ok(_) => None,
            }
        };
        if let Some(problem) = hashes.iter().find_map(unusable) {
            return Err(problem);
        }
        let digest = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Problem::new("basic_auth_users", "the kernel gives no random numbers"))?;
        Ok(Self {
            hashes,
            digest,
            known: Mutex::default(),
            waiting: Semaphore::new(MOST_WAITING),
            turn: Semaphore::new(1),
        })
    }

    /// Returns whether there is no user, and so no password to ask for.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Checks the credentials of a request.
    pub(super) async fn check(self: Arc<Self>, headers: &HeaderMap) -> Result<(), Box<Response>> {
        if self.is_empty() {
            return Ok(());
        }
        let Some((user, password)) = credentials(headers) else { return Err(denied()) };
        if self.is_known(&user, &password) {
            return Ok(());
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Err(busy()) };
        let Ok(_turn) = self.turn.acquire().await else { return Err(busy()) };
        // Another request may have shown it meanwhile.
        if self.is_known(&user, &password) {
            return Ok(());
        }
        let work = Arc::clone(&self);
        let checked = spawn_blocking(move || work.verify(&user, &password)).await;
        if checked.unwrap_or(false) { Ok(()) } else { Err(denied()) }
    }

    fn is_known(&self, user: &str, password: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(user)
            .is_some_and(|tag| hmac::verify(&self.digest, password.as_bytes(), tag.as_ref()).is_ok())
    }

    /// Holds a password against the user's hash, and remembers it if it is right. An unknown user takes as long.
    fn verify(&self, user: &str, password: &str) -> bool {
        let own = self.hashes.get(user);
        let Some(hash) = own.or_else(|| self.hashes.values().next()) else { return false };
        let is_right = bcrypt::verify(password, hash).unwrap_or(false) && own.is_some();
        if is_right {
            let tag = hmac::sign(&self.digest, password.as_bytes());
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned(), tag);
        }
        is_right
    }
}

/// Returns the user and the password of the header `authorization`. `None` if there is none, or another scheme.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()))?.ok()?;
    let text = String::from_utf8(text).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn denied() -> Box<Response> {
    let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
    Box::new((StatusCode::UNAUTHORIZED, challenge, "this needs a user and a password\n").into_response())
}

fn busy() -> Box<Response> {
    let later = [(header::RETRY_AFTER, "1")];
    let text = "too many passwords are being checked; try again in a second\n";
    Box::new((StatusCode::SERVICE_UNAVAILABLE, later, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, at the lowest cost.
    fn hash() -> String {
        bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap().to_string()
    }

    fn of(users: &[(&str, &str)]) -> Result<Passwords, Problem> {
        Passwords::new(users.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect())
    }

    fn header_of(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    fn basic(user: &str, password: &str) -> HeaderMap {
        header_of(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    async fn status(passwords: &Arc<Passwords>, headers: &HeaderMap) -> u16 {
        match Arc::clone(passwords).check(headers).await {
            Ok(()) => 200,
            Err(response) => response.status().as_u16(),
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_passes() {
        let passwords = Arc::new(of(&[("alice", &hash())]).unwrap());
        for _ in 0..2 {
            assert_eq!(status(&passwords, &basic("alice", "secret")).await, 200);
            for wrong in
                [basic("alice", "Secret"), basic("alice", ""), basic("bob", "secret"), HeaderMap::new()]
            {
                assert_eq!(status(&passwords, &wrong).await, 401, "{wrong:?}");
            }
            for wrong in ["Basic", "Basic ?", "Bearer c2VjcmV0", "Basic YWxpY2U="] {
                assert_eq!(status(&passwords, &header_of(wrong)).await, 401, "{wrong}");
            }
        }
        let challenge = Arc::clone(&passwords).check(&HeaderMap::new()).await.unwrap_err();
        assert_eq!(challenge.headers()[header::WWW_AUTHENTICATE], CHALLENGE);
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_not_hashed_again() {
        let passwords = Arc::new(of(&[("alice", &hash())]).unwrap());
        assert_eq!(status(&passwords, &basic("alice", "secret")).await, 200);
        // No password can be hashed from here on.
        let all = passwords.waiting.acquire_many(u32::try_from(MOST_WAITING).unwrap()).await.unwrap();
        assert_eq!(status(&passwords, &basic("alice", "secret")).await, 200);
        assert_eq!(status(&passwords, &basic("alice", "guess")).await, 503);
        drop(all);
        assert_eq!(status(&passwords, &basic("alice", "guess")).await, 401);
    }

    #[tokio::test]
    async fn without_users_nothing_is_asked_for() {
        assert_eq!(status(&Arc::new(of(&[]).unwrap()), &HeaderMap::new()).await, 200);
    }

    #[test]
    fn a_hash_of_another_kind_or_a_very_slow_one_is_an_error() {
        let error = of(&[("a", "$apr1$x$y")]).unwrap_err().to_string();
        assert_eq!(error, "basic_auth_users.a: is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one");
        let slow = hash().replacen("$04$", "$20$", 1);
        assert_eq!(
            of(&[("a", &slow)]).unwrap_err().to_string(),
            "basic_auth_users.a: has cost 20, and may have 14"
        );
    }
}
