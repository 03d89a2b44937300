//! Who is asking: the owner, who may write, or a reader.

use base64::Engine as _;
use http::HeaderMap;

use crate::exception::Exception;

/// The user that may write; its password is in the endpoint file.
pub const OWNER: &str = "crumbtrail";
/// The user of BI tools: no password, read only.
pub const READER: &str = "default";

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A name and a password as they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    /// From `Authorization: Basic`, else `X-ClickHouse-User` and `-Key`, else the URL; the reader when there are none.
    pub(super) fn of(
        headers: &HeaderMap,
        url_user: Option<&str>,
        url_password: Option<&str>,
    ) -> Result<Self, Exception> {
        let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(header) = text("authorization") {
            return basic(&header).ok_or_else(|| {
                Exception::new(516, "AUTHENTICATION_FAILED", "only the Basic scheme of authorization is known here")
            });
        }
        let user = text("x-clickhouse-user").or_else(|| url_user.map(str::to_owned));
        let password = text("x-clickhouse-key").or_else(|| url_password.map(str::to_owned));
        Ok(Self {
            user: user.filter(|user| !user.is_empty()).unwrap_or_else(|| READER.to_owned()),
            password: password.unwrap_or_default(),
        })
    }

    /// What these credentials allow.
    pub(super) fn access(&self, owner_password: &str) -> Result<Access, Exception> {
        match self.user.as_str() {
            OWNER if equal_in_constant_time(self.password.as_bytes(), owner_password.as_bytes()) => {
                Ok(Access::ReadWrite)
            }
            READER if self.password.is_empty() => Ok(Access::ReadOnly),
            user => Err(Exception::new(
                516,
                "AUTHENTICATION_FAILED",
                format_args!(
                    "{user}: Authentication failed: password is incorrect, or there is no user with such name \
                     (reading needs no password as user {READER}; the password of {OWNER} is in the data folder's engine/endpoint.json)"
                ),
            )),
        }
    }
}

fn basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn access(headers: &HeaderMap, user: Option<&str>, password: Option<&str>) -> Option<Access> {
        Credentials::of(headers, user, password).and_then(|credentials| credentials.access("secret")).ok()
    }

    #[test]
    fn all_three_ways_to_name_oneself_work() {
        // "crumbtrail:secret"
        let basic = headers(&[("authorization", "Basic Y3J1bWJ0cmFpbDpzZWNyZXQ=")]);
        assert_eq!(access(&basic, None, None), Some(Access::ReadWrite));
        let named = headers(&[("x-clickhouse-user", OWNER), ("x-clickhouse-key", "secret")]);
        assert_eq!(access(&named, None, None), Some(Access::ReadWrite));
        assert_eq!(access(&headers(&[]), Some(OWNER), Some("secret")), Some(Access::ReadWrite));
    }

    #[test]
    fn nobody_in_particular_may_read_and_a_wrong_password_may_not() {
        assert_eq!(access(&headers(&[]), None, None), Some(Access::ReadOnly));
        assert_eq!(access(&headers(&[]), Some(READER), Some("")), Some(Access::ReadOnly));
        assert_eq!(access(&headers(&[]), Some(OWNER), Some("wrong")), None);
        assert_eq!(access(&headers(&[]), Some(OWNER), None), None);
        assert_eq!(access(&headers(&[]), Some("root"), Some("")), None);
        assert_eq!(access(&headers(&[("authorization", "Bearer x")]), None, None), None);
    }
}
